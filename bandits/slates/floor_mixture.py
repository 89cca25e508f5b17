"""Slates of a policy mixed with random ones: who is served, and the propensity of both together
(`bandits.slates.floor`).

    p(a, j) = (1 - e) p_policy(a, j) + e p_random(a, j)         whichever of the two was served

`Law` is p_policy of any item at any place, not just of what was drawn: a random slate's items are
mostly such that the policy puts them nowhere, and now and then such that it does.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.floor import Floor, of_random, random_slate
from bandits.slates.pool import SlatePool
from bandits.slates.request import SlateResult
from bandits.slates.segment import SegmentView

Items = NDArray[np.int64]
Law = Callable[[Items], Floats]  # items of the places (k,) -> probability of each there (k,)


def law_of(pool: SlatePool) -> Law:
    """Law of a pool's slates."""

    def drawn(items: Items) -> Floats:
        held = pool.items[pool.columns[:, : items.size]]  # (n_draws, k)
        return np.asarray((held == items).mean(axis=0), dtype=np.float64)

    def tied(items: Items) -> Floats:
        score = np.full(pool.holds.size, -np.inf)  # (n_items,)
        score[pool.items] = pool.fixed_score
        own = score[items]  # (k,)
        above = (score > own[:, None]).sum(axis=1)  # (k,) places before the group of equals
        equal = (score == own[:, None]).sum(axis=1)
        place = np.arange(items.size)
        inside = np.isfinite(own) & (above <= place) & (place < above + equal)
        return np.where(inside, 1 / equal, 0.0)

    return drawn if pool.fixed_score is None else tied


def law_of_columns(items: Items, columns: NDArray[np.int64]) -> Law:
    """Law of slates (n_draws, k) given as columns into `items`."""
    held = items[columns]
    return lambda shown: np.asarray((held == shown).mean(axis=0), dtype=np.float64)


def mixed(
    view: SegmentView, result: SlateResult, law: Law, floor: Floor, rng: np.random.Generator
) -> SlateResult:
    """Serve the policy's slate or a random one, with the propensities of the mixture.

    Parameters
    ----------
    view
        The segment, whose policy file holds the share.
    result, law
        The policy's slate, and the law that it was drawn by.
    floor
        Random slates of the same eligible items, as long.
    rng
        Decides, and draws the random slate.

    """
    e = view.config.exploration.floor
    if rng.random() >= e:
        p = (1 - e) * result.propensities + e * of_random(floor, result.items)
        return result._replace(propensities=p)
    items = random_slate(floor, rng)  # (k,)
    why = [
        {
            "mean": float(view.mean[item]),
            "impressions": float(view.impressions[item]),
            "prior": float(view.arms.prior_mean[item]),
            "floor": 1.0,
        }
        for item in items
    ]
    p = (1 - e) * law(items) + e * of_random(floor, items)
    return SlateResult(items, np.zeros(items.size), p, why, result.policy)
