"""Which items of an eligible set can be needed for its slates, by the bounds of their signals
(`bandits.slates.screening`).

    weighted            the weighted sums of the bounds bound the score
    rrf, team_draft     an item must be able to reach the list of one signal at least
    pareto              an item with `depth` sure dominators is never among the first `depth`

Limits add the items that they can bring in: the best of a capped category, of a floor's members,
and of those that a cap leaves over. With two caps of different kinds at once (say a category and an
exposure cap) each is provided for alone; where both together bind on all that is left, the cap
gives way (`bandits.slates.constraints`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.constraints import Limits
from bandits.slates.pareto_order import N_REFERENCES
from bandits.slates.screening import survivors, survivors_by_category
from bandits.slates.segment import Scorer, SegmentView

Pair = tuple[Floats, Floats]  # low and high, (n_items,) each


def weighted_bounds(scorers: Sequence[Scorer], items: NDArray[np.int64]) -> Pair | None:
    """Bounds of the weighted average, (n_items,) each; None where a scorer has none."""
    pairs = _bounds(scorers, items)
    if pairs is None:
        return None
    low, high = np.zeros(items.size), np.zeros(items.size)
    for scorer, pair in zip(scorers, pairs, strict=True):
        low, high = low + scorer.weight * pair[0], high + scorer.weight * pair[1]
    return low, high


def reachable(
    view: SegmentView, scorers: Sequence[Scorer], eligible: NDArray[np.int64], depth: int, k: int
) -> NDArray[np.bool_]:
    """Tell which of the eligible items can be needed, (n_eligible,) bool.

    Parameters
    ----------
    view, scorers
        The segment, and the signals of the request.
    eligible
        (n_eligible,) int64.
    depth, k
        Places of the order that count (more than k under diversity), and places of the slate.

    """
    everything = np.ones(eligible.size, dtype=np.bool_)
    pairs = _bounds(scorers, eligible)
    weighted = weighted_bounds(scorers, eligible)
    if pairs is None or weighted is None or eligible.size <= depth:
        return everything
    if view.config.combiner == "pareto":
        # Limits reach past the first `depth` places of an order that has no bound of its own: no
        # screening then.
        return (
            everything
            if view.limits is not None
            else not_surely_dominated(pairs, weighted[0], depth)
        )
    keep = ~everything
    limits = None if view.limits is None else view.limits.of(eligible)
    for low, high in [weighted] if view.config.combiner == "weighted" else pairs:
        keep |= survivors(low, high, depth)
        if limits is not None:
            keep |= _needed_for(limits, low, high, depth, k)
    return keep


def not_surely_dominated(pairs: Sequence[Pair], rank_by: Floats, depth: int) -> NDArray[np.bool_]:
    """Tell which items have fewer than `depth` sure dominators among the best by `rank_by`,
    (n_items,).

    subtle: a dropped item can dominate a kept one. But what surely dominates the dropped one comes
    before both, and `depth` of those are kept, so the kept one is not among the first `depth`
    places whatever its front is taken to be.
    """
    n_items = rank_by.size
    n_references = min(max(N_REFERENCES, 2 * depth), n_items)
    references = np.argpartition(-rank_by, n_references - 1)[:n_references]
    dominated = np.ones((n_references, n_items), dtype=np.bool_)
    for low, high in pairs:
        dominated &= low[references, None] > high[None, :]
    return np.asarray(dominated.sum(axis=0) < depth, dtype=np.bool_)


def _bounds(scorers: Sequence[Scorer], items: NDArray[np.int64]) -> list[Pair] | None:
    pairs = [
        (v.low[items], v.high[items]) for v in scorers if v.low is not None and v.high is not None
    ]
    return pairs if len(pairs) == len(scorers) else None


def _needed_for(limits: Limits, low: Floats, high: Floats, depth: int, k: int) -> NDArray[np.bool_]:
    keep = np.zeros(low.size, dtype=np.bool_)
    if limits.category is not None:
        keep |= survivors_by_category(low, high, depth, limits.category, limits.per_category)
    for member, least, most in zip(limits.member, limits.least, limits.most, strict=True):
        for some, places in ((member, least), (~member, depth if most < k else 0)):
            if places > 0:
                keep[some] |= survivors(low[some], high[some], places)
    return keep
