"""Evidence: what counts say at a time. Every look is counted when it is known; whether it is
evidence yet, and what has changed lately, is worked out here.

    counts(t) = sums, with `unripe` (`bandits.learning.pending_impressions`)
                and `recent` (`bandits.learning.recent_counts`)

One for a serving process, which gets its increments from the counts changelog, and for the
simulator (`bandits.simulation.worker`), so that a benchmark measures what is served.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.counts import Counts
from bandits.learning.change_detection import RECENT_HALF_LIVES
from bandits.learning.pending_impressions import PendingImpressions
from bandits.learning.recent_counts import (
    CLICKS,
    CONVERSIONS,
    EXAMINED,
    IMPRESSIONS,
    VALUE,
    RecentCounts,
)

Ints = NDArray[np.int64]


class Evidence:
    """What is kept beside the sums, and the counts that come of both.

    Parameters
    ----------
    window_s
        Attribution window, in seconds: no click comes later. None takes every look for evidence.
    half_lives
        Of the memories, in clicks, shortest first; none looks for no change.

    """

    def __init__(
        self, window_s: float | None = None, half_lives: Sequence[float] = RECENT_HALF_LIVES
    ) -> None:
        self._pending = None if window_s is None else PendingImpressions(window_s)
        self._memories = RecentCounts(half_lives, (0, 0)) if half_lives else None

    def add(self, segments: Ints, items: Ints, increments: Floats, now_s: float) -> None:
        """Increments of the sums (n, 5) of cells (n,) became known now."""
        if self._memories is not None:
            self._memories.add(segments, items, increments)
        if self._pending is not None:
            self._pending.looked(segments, items, increments[:, EXAMINED], now_s)

    def clicked(self, clicks: Sequence[tuple[float, float]]) -> None:
        """Counted clicks: (seconds after the impression, time of the impression)."""
        if self._pending is not None:
            self._pending.clicked(clicks)

    def reserve(self, shape: tuple[int, int]) -> None:
        """Make room for segments and items up to `shape`."""
        if self._memories is not None:
            self._memories.reserve(shape)

    def counts(self, sums: Floats, now_s: float, discounted: Floats | None = None) -> Counts:
        """Counts as of now, copies.

        Parameters
        ----------
        sums
            (5, n_segments, n_items): impressions, clicks, conversions, value, examined.
        now_s
            Seconds since the epoch; never earlier than before.
        discounted
            The same through the half-life of the policy file, which then is the only memory.

        """
        shape = sums.shape[1], sums.shape[2]
        unripe = np.zeros(shape) if self._pending is None else self._pending.unripe(shape, now_s)
        recent = [] if self._memories is None else self._memories.turn(unripe, now_s)
        if discounted is not None:
            recent = [discounted]
        memories = tuple(_counts(memory, unripe) for memory in recent)
        return _counts(sums, unripe)._replace(recent=memories)


def _counts(sums: Floats, unripe: Floats) -> Counts:
    """Copies; differences of floats may leave -1e-17, and only values may be negative."""
    impressions, clicks, conversions, examined = np.maximum(
        sums[[IMPRESSIONS, CLICKS, CONVERSIONS, EXAMINED]], 0.0
    )
    value = sums[VALUE].copy()
    return Counts(impressions, clicks, conversions, value, examined, np.minimum(unripe, examined))
