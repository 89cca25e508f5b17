"""A pool: everything that slates of one eligible set are scored with, and the draws they are
served from.

    1. signals of the segment, or of the request where it has a user or weights of its own
    2. screening: the items that can reach the places asked for (`bandits.slates.screening`)
    3. draws of the random signals for those
    4. combination, then choice under diversity and limits
    5. propensities: shares among the draws

Made once per snapshot for all requests that share it; one of its draws is one slate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.combine import COMBINERS, RRF_K
from bandits.slates.composition import choose
from bandits.slates.diversity import DIVERSITY
from bandits.slates.propensity import of_draws
from bandits.slates.reachable import reachable
from bandits.slates.sampling import draw, n_draws
from bandits.slates.segment import Scorer, SegmentView
from bandits.slates.top_k import Columns


class SlatePool(NamedTuple):
    """Slates of one eligible set; columns point into `items`.

    Attributes
    ----------
    items
        (m,) int64 items that survived screening.
    fixed_score
        (m,) where no draw decides: the order is this with random tie-breaks. Else None.
    columns, score, propensity
        (n_draws, k) slates; empty where `fixed_score` is set.
    fixed
        What the scores were made of and no draw changes, by name, (m,) each.
    placed
        The rest of it, by name, at the places of the slates, (n_draws, k) each: kept for many
        pools, so only where shown.
    holds
        (n_items,) bool over all items of the segment: those in `items`.

    """

    items: NDArray[np.int64]
    fixed_score: Floats | None
    columns: Columns
    score: Floats
    propensity: Floats
    fixed: Mapping[str, Floats]
    placed: Mapping[str, Floats]
    holds: NDArray[np.bool_]


def make_pool(
    view: SegmentView,
    scorers: tuple[Scorer, ...],
    eligible: NDArray[np.int64],
    k: int,
    rng: np.random.Generator,
    *,
    single: bool = False,
) -> SlatePool:
    """Score one eligible set and draw its slates.

    Parameters
    ----------
    view
        The segment.
    scorers
        The signals with their weights, over all items.
    eligible
        (n_eligible,) int64 items that may be shown, without repeats.
    k
        Places; at most n_eligible are filled.
    rng
        All the randomness of the pool.
    single
        Whether it serves one request only: then it is drawn more coarsely.

    """
    config = view.config
    plain = view.limits is None and (config.diversity.kind == "none" or view.vectors is None)
    depth = (
        k
        if plain or config.diversity.kind == "none"
        else int(np.ceil(k * config.diversity.shortlist))
    )
    items = eligible[reachable(view, scorers, eligible, depth, k)]  # (m,)
    random = any(scorer.policy is not None for scorer in scorers) or config.combiner == "team_draft"
    n = n_draws(view, scorers, items.size, depth + k, single=single) if random or not plain else 1
    narrow_to = k if plain and config.combiner == "weighted" else None
    most = 0 if single else config.draws
    items, signals = draw(
        view, scorers, items, n, rng, narrow_to=narrow_to, most=most, single=single
    )
    n = signals.n_draws if signals.n_draws > 1 else n  # a long tail may get more
    if config.combiner == "team_draft":
        # subtle: drafts of fixed signals differ too, by their coins, so they need their rows.
        signals = signals._replace(
            values=tuple(np.broadcast_to(v, (n, items.size)) for v in signals.values)
        )
    combined = COMBINERS[config.combiner](signals, max(depth, k), rng)
    # (1 or n, m) each
    parts = dict(zip(signals.names, signals.values, strict=True)) | dict(combined.parts)
    fixed = {
        "mean": view.mean[items],
        "impressions": view.impressions[items],
        "prior": view.arms.prior_mean[items],
    }
    fixed |= {name: part[0] for name, part in parts.items() if part.shape[0] == 1}
    holds = np.zeros(view.mean.size, dtype=np.bool_)
    holds[items] = True
    if not random and plain:
        none = np.zeros((0, min(k, items.size)))
        return SlatePool(
            items, combined.score[0], none.astype(np.int64), none, none, fixed, {}, holds
        )
    score = np.broadcast_to(combined.score, (n, items.size))
    price = config.diversity.strength * spread_of(config.combiner, view.scale.spread, depth)
    choice = choose(
        score,
        k,
        rng,
        limits=None if view.limits is None else view.limits.of(items),
        diversifier=None
        if config.diversity.kind == "none"
        else DIVERSITY[config.diversity.kind](price),
        vectors=None if view.vectors is None else view.vectors[items],
        depth=depth,
    )
    shares = of_draws(choice.columns, items.size)
    placed = {
        name: np.take_along_axis(part, choice.columns, axis=1)
        for name, part in parts.items()
        if name not in fixed
    }
    if config.diversity.kind != "none":
        placed["diversity"] = choice.diversity
    return SlatePool(items, None, choice.columns, choice.score, shares, fixed, placed, holds)


def spread_of(combiner: str, click_spread: float, depth: int) -> float:
    """Spread of a combined score, the unit of diversity's strength.

    The click objective's for a weighted average; from first to last place of a list for reciprocal
    ranks; from first to second pick for a draft; one front for Pareto order.
    """
    spreads = {
        "rrf": 1 / (RRF_K + 1) - 1 / (RRF_K + max(depth, 2)),
        "team_draft": 0.5,
        "pareto": 1.0,
    }
    return spreads.get(combiner, click_spread)
