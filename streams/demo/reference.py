"""What the learned slates are measured against, from the true rates, which the demo knows and the
worker does not.

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
    world: World, segments: NDArray[np.int64], k: int, rng: np.random.Generator
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
    """
    n_segments, n_items = world.rates.shape
    share = np.bincount(segments, minlength=n_segments) / max(1, len(segments))  # (n_segments,)
    single = np.argsort(-(share @ world.rates), kind="stable")[:k]  # (k,)
    by_segment_single = world.rates[:, single].sum(axis=1)  # (n_segments,)
    by_segment_best = np.sort(world.rates, axis=1)[:, -k:].sum(axis=1)  # (n_segments,)
    clicks = np.zeros(len(segments))
    for visit, segment in enumerate(segments):
        shown = rng.choice(n_items, k, replace=False, shuffle=False)
        clicks[visit] = (rng.random(k) < world.rates[segment, shown]).sum()
    return References(clicks, by_segment_single[segments], by_segment_best[segments])
