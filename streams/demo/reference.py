"""What the learned slates are measured against, from the true rates, which the demo knows and the
worker does not.

All are of the items that are there: those that come late (`World.late`) from a visit on.

random         k items drawn without replacement, clicks drawn as for everybody
best single    the k items with the highest mean rate over the visits, shown to all: exact
               expectation
best possible  the k items with the highest rate in the visitor's segment: exact expectation
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.demo.world import World


class References(NamedTuple):
    """Clicks of each visit, or their expectation: all (n_visits,)."""

    random: NDArray[np.float64]
    best_single: NDArray[np.float64]
    best_possible: NDArray[np.float64]


def references(
    world: World, segments: NDArray[np.int64], k: int, rng: np.random.Generator, came_at: int = 0
) -> References:
    """References for visits of these segments.

    Parameters
    ----------
    world
        Holds the rates.
    segments
        (n_visits,) row of `world.rates` for each visit.
    k
        Places in a slate.
    rng
        For the random slates and their clicks.
    came_at
        The first visit at which the late items are there.
    """
    before = _references(world.rates[:, ~world.late], segments[:came_at], k, rng)
    after = _references(world.rates, segments[came_at:], k, rng)
    return References(*map(np.concatenate, zip(before, after, strict=True)))


def _references(
    rates: NDArray[np.float64], segments: NDArray[np.int64], k: int, rng: np.random.Generator
) -> References:
    """With `rates` (n_segments, n_items) of the items that are there."""
    n_segments, n_items = rates.shape
    share = np.bincount(segments, minlength=n_segments) / max(1, len(segments))  # (n_segments,)
    single = np.argsort(-(share @ rates), kind="stable")[:k]  # (k,)
    by_segment_single = rates[:, single].sum(axis=1)  # (n_segments,)
    by_segment_best = np.sort(rates, axis=1)[:, -k:].sum(axis=1)  # (n_segments,)
    clicks = np.zeros(len(segments))
    for visit, segment in enumerate(segments):
        shown = rng.choice(n_items, k, replace=False, shuffle=False)
        clicks[visit] = (rng.random(k) < rates[segment, shown]).sum()
    return References(clicks, by_segment_single[segments], by_segment_best[segments])
