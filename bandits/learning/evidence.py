"""Evidence: what counts say at a time. Every look is counted when it is known; whether it is
evidence yet, and what has changed lately, is worked out here.

    counts(t) = sums, with `pending` (`bandits.learning.pending_impressions`)
                and `recent` (`bandits.learning.recent_counts`)

Of up to `MOST_CELLS` pairs it is known of each; of more, of each item over all segments together
(`bandits.learning.running_beliefs` says what then is made of it).

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
# (segment, item) pairs, seen or not: 50 ms a look at them, and 250 MB
MOST_CELLS = 800_000


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
        self._shape = 0, 0
        self.by_item = False  # whether all segments are one

    def add(self, segments: Ints, items: Ints, increments: Floats, now_s: float) -> None:
        """Increments of the sums (n, 5) of cells (n,) became known now."""
        if self.by_item:
            segments = np.zeros_like(segments)
        if self._memories is not None:
            self._memories.add(segments, items, increments)
        if self._pending is not None:
            self._pending.looked(segments, items, increments[:, EXAMINED], now_s)

    def fade(self, shape: tuple[int, int], now_s: float) -> None:
        """Let what is recent fade until now, in the midst of what is told of the past."""
        self._turn((1, shape[1]) if self.by_item else shape, now_s)

    def clicked(self, clicks: Sequence[tuple[float, float]]) -> None:
        """Counted clicks: (seconds after the impression, time of the impression)."""
        if self._pending is not None:
            self._pending.clicked(clicks)

    def reserve(self, shape: tuple[int, int]) -> None:
        """Make room for segments and items up to `shape`; too many pairs make all segments one."""
        n_segments, n_items = self._shape
        if shape[0] * shape[1] > MOST_CELLS and not self.by_item:
            self.by_item = True
            for part in (self._memories, self._pending):
                if part is not None:
                    part.join()
        if self.by_item:
            shape = 1, shape[1]
        if shape[0] <= n_segments and shape[1] <= n_items:
            return
        # room for more of what has come to be more: growing copies everything
        rows = n_segments if shape[0] <= n_segments else shape[0] + n_segments
        columns = n_items if shape[1] <= n_items else shape[1] + n_items
        self._shape = rows, columns
        if self._memories is not None:
            self._memories.reserve(self._shape)

    def of_items(self, n_items: int, now_s: float) -> tuple[Floats, tuple[Floats, ...]]:
        """Once all segments are one: looks of items that are no evidence yet (n_items,), and
        memories (5, n_items), shortest first.
        """
        pending, memories = self._turn((1, n_items), now_s)
        return pending[0], tuple(memory[:, 0] for memory in memories)

    def _turn(self, shape: tuple[int, int], now_s: float) -> tuple[Floats, list[Floats]]:
        pending = (
            np.zeros(shape) if self._pending is None else self._pending.examinations(shape, now_s)
        )
        return pending, [] if self._memories is None else self._memories.turn(pending, now_s)

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
        pending, recent = self._turn((sums.shape[1], sums.shape[2]), now_s)
        if discounted is not None:
            recent = [discounted]
        memories = tuple(_counts(memory, pending) for memory in recent)
        return _counts(sums, pending)._replace(recent=memories)


def spread(sums: Floats, pending: Floats, discounted: Floats | None = None) -> Counts:
    """Counts of sums (5, n_segments, n_items), of which looks that are no evidence yet are known
    per item, (n_items,): each segment has its share.
    """
    looks = sums[EXAMINED].sum(axis=0)
    each = sums[EXAMINED] * np.where(looks > 0, pending / np.where(looks > 0, looks, 1.0), 0.0)
    recent = () if discounted is None else (_counts(discounted, each),)
    return _counts(sums, each)._replace(recent=recent)


def _counts(sums: Floats, pending: Floats) -> Counts:
    """Copies; differences of floats may leave -1e-17, and only values may be negative."""
    impressions, clicks, conversions, examined = np.maximum(
        sums[[IMPRESSIONS, CLICKS, CONVERSIONS, EXAMINED]], 0.0
    )
    value = sums[VALUE].copy()
    return Counts(impressions, clicks, conversions, value, examined, np.minimum(pending, examined))
