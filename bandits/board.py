"""A board: everything that slates of one eligible set are scored with, and the draws they are served from.

    1. signals of the segment, or of the request where it has a user or weights of its own
    2. screening: the items that can reach the places asked for (`bandits.screen`)
    3. draws of the random signals for those
    4. combination, then choice under diversity and limits
    5. propensities: shares among the draws

Made once per snapshot for all requests that share it; one of its draws is one slate.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats, Need
from bandits.combine import COMBINERS, RRF_K
from bandits.constraints import Limits
from bandits.diversity import DIVERSITY
from bandits.order import Columns
from bandits.pareto_order import FIRST_PREFIX, LONGEST_PREFIX
from bandits.propensity import of_draws
from bandits.screen import survivors, survivors_by_category
from bandits.segment import SegmentView, Voice
from bandits.signals import Signals
from bandits.slate import choose

# Fewest draws of a board. 32 slates of everything at 100,000 equal items are 0.2 s; fewer would show the same few
# slates all through a snapshot.
FEWEST_DRAWS = 32
# Item draws that one board may cost: 2^18 Beta draws are about 13 ms, so that a snapshot of 1,000 items that screening
# cannot tell apart yet takes milliseconds. More is finer propensities of cold segments.
DRAW_BUDGET = 1 << 18
# The same for a board that serves one request only: about 1 ms.
SINGLE_BUDGET = 1 << 14
SINGLE_DRAWS = 128


class Board(NamedTuple):
    """Slates of one eligible set; columns point into `items`.

    Attributes
    ----------
    items
        (m,) int64 items that survived screening.
    fixed_score
        (m,) where no draw decides: the order is this with random tie-breaks. Else None.
    columns, score, propensity
        (n_draws, k) slates; empty where `fixed_score` is set.
    parts
        What the scores were made of, (1 or n_draws, m) each, by name.
    diversity
        (n_draws, k) terms, or None without diversity.

    """

    items: NDArray[np.int64]
    fixed_score: Floats | None
    columns: Columns
    score: Floats
    propensity: Floats
    parts: Mapping[str, Floats]
    diversity: Floats | None


def make_board(
    view: SegmentView,
    voices: tuple[Voice, ...],
    eligible: NDArray[np.int64],
    k: int,
    rng: np.random.Generator,
    *,
    single: bool = False,
) -> Board:
    """Score one eligible set and draw its slates.

    Parameters
    ----------
    view
        The segment.
    voices
        The signals with their weights, over all items.
    eligible
        (n_eligible,) int64 items that may be shown, without repeats.
    k
        Places; at most n_eligible are filled.
    rng
        All the randomness of the board.
    single
        Whether it serves one request only: then it is drawn more coarsely.

    """
    config = view.config
    plain = view.limits is None and (config.diversity.kind == "none" or view.vectors is None)
    depth = k if plain or config.diversity.kind == "none" else int(np.ceil(k * config.diversity.shortlist))
    items = eligible[_screen(view, voices, eligible, depth, k)]  # (m,)
    parts = {"mean": view.mean[None, items], "impressions": view.impressions[None, items]}
    parts["prior"] = view.arms.prior_mean[None, items]
    random = any(voice.policy is not None for voice in voices) or config.combiner == "team_draft"
    n_draws = _n_draws(view, items.size, depth + k, plain, single) if random or not plain else 1
    arms = _of(view.arms, items)
    values = []
    for voice in voices:
        if voice.policy is None or voice.fixed is not None:
            values.append(np.asarray(voice.fixed)[None, items])
        elif voice.policy.needs is Need.JOINT_DRAW:
            # A joint draw moves all items of the segment together: drawn for all, then looked at for these.
            values.append(voice.rescale(voice.policy.draws(view.arms, rng, n_draws)[:, items]))
        else:
            values.append(voice.rescale(voice.policy.draws(arms, rng, n_draws)))
        parts[voice.name] = values[-1]
    weights = tuple(voice.weight for voice in voices)
    signals = Signals(tuple(voice.name for voice in voices), weights, tuple(values))
    if config.combiner == "team_draft" and signals.n_draws < n_draws:
        # Fixed signals have one row; the drafts differ all the same, by their coins.
        signals = signals._replace(values=tuple(np.broadcast_to(v, (n_draws, items.size)) for v in values))
    combined = COMBINERS[config.combiner](signals, max(depth, k), rng)
    parts.update(combined.parts)
    if not random and plain:
        none = np.zeros((0, min(k, items.size)))
        return Board(items, combined.score[0], none.astype(np.int64), none, none, parts, None)
    score = np.broadcast_to(combined.score, (n_draws, items.size))
    price = config.diversity.strength * spread_of(config.combiner, view.scale.spread, depth)
    choice = choose(
        score,
        k,
        rng,
        limits=None if view.limits is None else view.limits.of(items),
        diversifier=None if config.diversity.kind == "none" else DIVERSITY[config.diversity.kind](price),
        vectors=None if view.vectors is None else view.vectors[items],
        depth=depth,
    )
    shares = of_draws(choice.columns, items.size)
    diversity = choice.diversity if config.diversity.kind != "none" else None
    return Board(items, None, choice.columns, choice.score, shares, parts, diversity)


def spread_of(combiner: str, click_spread: float, depth: int) -> float:
    """Spread of a combined score, the unit of diversity's strength.

    The click objective's for a weighted average; from first to last place of a list for reciprocal ranks; from first to
    second pick for a draft; one front for Pareto order.
    """
    spreads = {"rrf": 1 / (RRF_K + 1) - 1 / (RRF_K + max(depth, 2)), "team_draft": 0.5, "pareto": 1.0}
    return spreads.get(combiner, click_spread)


def _screen(view: SegmentView, voices: tuple[Voice, ...], eligible: NDArray[np.int64], depth: int, k: int) -> NDArray[np.bool_]:
    """Which of the eligible items can be needed, (n_eligible,)."""
    bounds = [(v.low[eligible], v.high[eligible]) for v in voices if v.low is not None and v.high is not None]
    if len(bounds) < len(voices) or eligible.size <= depth:
        return np.ones(eligible.size, dtype=np.bool_)
    if view.config.combiner in ("weighted", "pareto"):
        low = sum((v.weight * b[0] for v, b in zip(voices, bounds, strict=True)), np.zeros(eligible.size))
        high = sum((v.weight * b[1] for v, b in zip(voices, bounds, strict=True)), np.zeros(eligible.size))
        bounds = [(low, high)]
    if view.config.combiner == "pareto":
        depth = max(depth, LONGEST_PREFIX)
    keep = np.zeros(eligible.size, dtype=np.bool_)
    limits = None if view.limits is None else view.limits.of(eligible)
    for low, high in bounds:
        keep |= survivors(low, high, depth)
        if limits is not None:
            keep |= _needed_for(limits, low, high, depth, k)
    return keep


def _needed_for(limits: Limits, low: Floats, high: Floats, depth: int, k: int) -> NDArray[np.bool_]:
    """Items that limits can bring into a slate though they are not among the best, (n_items,)."""
    keep = np.zeros(low.size, dtype=np.bool_)
    if limits.category is not None:
        keep |= survivors_by_category(low, high, depth, limits.category, limits.per_category)
    for member, least, most in zip(limits.member, limits.least, limits.most, strict=True):
        for some, places in ((member, least), (~member, depth if most < k else 0)):
            if places > 0:
                keep[some] |= survivors(low[some], high[some], places)
    return keep


def _n_draws(view: SegmentView, n_items: int, n_seen: int, plain: bool, single: bool) -> int:
    """How many draws a board can afford."""
    budget, most, least = DRAW_BUDGET, view.config.draws, FEWEST_DRAWS
    if single:
        budget, most, least = SINGLE_BUDGET, min(SINGLE_DRAWS, most), FEWEST_DRAWS // 2
    cost = max(n_items, 1)
    if not plain and view.vectors is not None and view.config.diversity.kind != "none":
        cost = max(cost, n_seen * view.vectors.shape[1] // 16)
    if view.config.combiner == "pareto":
        cost = max(cost, min(n_items, FIRST_PREFIX) ** 2 // 16)
    return int(np.clip(budget // cost, least, most))


def _of(arms: ArmView, items: NDArray[np.int64]) -> ArmView:
    """The same segment, some of its items; `total` stays the segment's."""
    some: dict[str, Any] = {
        name: array[items]
        for name, array in arms._asdict().items()
        if isinstance(array, np.ndarray) and array.shape[:1] == arms.prior_mean.shape
    }
    return arms._replace(**some)
