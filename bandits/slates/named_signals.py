"""Signals of named candidates: one that is drawn, and what no draw changes, which is looked up for
the candidates alone.

    x_ar = w (shift + factor theta_ar) + f_a,   f_a = sum_i w_i fixed_ia
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats, Policy
from bandits.slates.sample_cache import of_items
from bandits.slates.segment import ITEMWISE, Scorer, SegmentView, is_plain, scorers_of

Items = NDArray[np.int64]


class NamedSignals(NamedTuple):
    """What candidates are scored with under one set of weights.

    Attributes
    ----------
    table
        What their scores are kept by (`SegmentView.kept`).
    policy
        Of the drawn signal.
    drawn
        The drawn signal.
    fixed
        The other signals: name, weight, and (n_items,) score.
    served_by
        The policy file's mix, as slates say it.

    """

    table: Hashable
    policy: Policy
    drawn: Scorer
    fixed: tuple[tuple[str, float, Floats], ...]
    served_by: str


def named_signals(
    view: SegmentView, objectives: Mapping[str, float], key: Hashable
) -> NamedSignals | None:
    """Signals under these weights, which `key` stands for; None where they are not one drawn item
    by item and fixed ones, averaged, with nothing that binds items together.
    """
    scorers = scorers_of(view, objectives, view.facts)
    drawn = [scorer for scorer in scorers if scorer.policy is not None]
    if not is_plain(view) or len(drawn) != 1:
        return None
    policy = drawn[0].policy
    if policy is None or policy.name not in ITEMWISE:
        return None
    fixed = tuple((v.name, v.weight, v.fixed) for v in scorers if v.fixed is not None)
    return NamedSignals(("scores", key), policy, drawn[0], fixed, view.config.policy)


def scores_of(view: SegmentView, signals: NamedSignals, n: int, items: Items) -> Floats:
    """Draw the scores of items n times, (n_some, n)."""
    theta = signals.policy.draws(of_items(view.arms, items), view.rng, n).T
    x: Floats = signals.drawn.weight * signals.drawn.rescale(theta)
    x += _rest(signals, items)[:, None]
    return x


def why_of_named(
    view: SegmentView, signals: NamedSignals, items: Items, score: Floats, best: Floats
) -> list[dict[str, float]]:
    """What the scores of items (k,) were made of; `best` are the means that their places would have
    had. The draw is what the rest leaves of the score.
    """
    name, draw = signals.drawn.name, (score - _rest(signals, items)) / signals.drawn.weight
    columns = (view.mean[items], view.impressions[items], view.arms.prior_mean[items], draw, best)
    why = [
        {"mean": mean, "impressions": looks, "prior": prior, name: drawn, "best": first}
        for mean, looks, prior, drawn, first in zip(*(c.tolist() for c in columns), strict=True)
    ]
    for fixed, _, values in signals.fixed:
        for parts, value in zip(why, values[items].tolist(), strict=True):
            parts[fixed] = value
    return why


def _rest(signals: NamedSignals, items: Items) -> Floats:
    """f, what no draw changes of the scores, (n_some,)."""
    total = np.zeros(items.size)
    for _, weight, values in signals.fixed:
        total += weight * values[items]
    return total
