"""PendingImpressions: fresh impressions are not failures yet. How many looks of each (segment,
item) still wait for a click that may come.

    pending = sum over recent looks of w (1 - F(age))      F: share of clicks that have come by that
                                                          age, learned from counted clicks

The age of a look is taken from when its count reached this view; a process that starts is told
those of the last hour. The mathematics is `bandits.learning.delay`; this file keeps the looks, in
buckets of time that grow with their age, and a sample of the clicks.
"""

import math
import random
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.delay import Delays, learn_delays, log_edges, pending_examinations

BUCKET_S = 1.0
AGE_SHARE = 1 / 8  # a bucket is at most this part of its age long: some 60 buckets for an hour
SHORTEST_S = 0.1  # of the delays that are told apart
PRIOR_MEAN_S = 10.0  # worth ten clicks (`bandits.learning.delay`): gone after the first hundred
CLICKS_KEPT = 5000
# (bucket, cell) pairs, a tenth of a second to add up; beyond, the oldest buckets become one
MAX_ENTRIES = 2_000_000
RELEARN_S = 5.0  # or twice the clicks
FIRST_CLICKS = 20

Ints = NDArray[np.int64]


class Looks(NamedTuple):
    """Looks of some cells, (n,) each, and when they became known, on the average."""

    segments: Ints
    items: Ints
    examinations: Floats
    seen_s: float


class ClickSample:
    """Delays of clicks on the impressions of the last window, `CLICKS_KEPT` at most.

    Subtle: sampled by the time of the impression, and evenly among impressions of about one time.
    The last clicks alone would not do: on a busy site they all follow impressions of the last
    seconds, and nothing could be said of longer delays.
    """

    PARTS = 64  # of the window

    def __init__(self, window_s: float) -> None:
        self._part_s = window_s / self.PARTS
        # part of time -> (share kept, clicks)
        self._parts: dict[int, tuple[float, list[tuple[float, float]]]] = {}
        self._random = random.Random(0)

    def add(self, clicks: Sequence[tuple[float, float]]) -> None:
        """Clicks: (delay, time of the impression)."""
        begin_s, share, kept = math.inf, 1.0, list[tuple[float, float]]()
        for click in clicks:
            # one after the other they are nearly always of one part
            if not 0.0 <= click[1] - begin_s < self._part_s:
                part = int(click[1] // self._part_s)
                begin_s = part * self._part_s
                share, kept = self._parts.setdefault(part, (1.0, []))
            if share == 1.0 or self._random.random() < share:
                kept.append(click)
        while len(self) > CLICKS_KEPT:
            fullest, (share, kept) = max(self._parts.items(), key=lambda part: len(part[1][1]))
            self._parts[fullest] = (
                share / 2,
                [click for click in kept if self._random.random() < 0.5],
            )
        newest = max(self._parts, default=0)
        for part in [part for part in self._parts if part < newest - self.PARTS]:
            del self._parts[part]

    def arrays(self) -> tuple[Floats, Floats]:
        """Delays and times of the impression, (n,) each."""
        delays_s, seen_s = (
            np.array([click for _, kept in self._parts.values() for click in kept]).reshape(-1, 2).T
        )
        return delays_s, seen_s

    def __len__(self) -> int:
        return sum(len(kept) for _, kept in self._parts.values())


class PendingImpressions:
    """Recent looks by bucket of arrival, and how late clicks come."""

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._edges_s = log_edges(SHORTEST_S, window_s)
        # (begin and end of the bucket, looks), all but the last added up by cell
        self._buckets: deque[tuple[float, float, list[Looks]]] = deque()
        self._entries = 0
        self._clicks = ClickSample(window_s)
        self._delays: Delays | None = None
        self._relearn_at_s = 0.0
        self._learned_from = 0  # clicks

    def looked(self, segments: Ints, items: Ints, examinations: Floats, now_s: float) -> None:
        """More looks of some cells, weighted by examination, became known now: (n,) each; what is
        not above 0 is passed over.
        """
        if not self._buckets or now_s >= self._buckets[-1][1]:
            self._close()
            self._thin_out(now_s)
            self._buckets.append((now_s, now_s + BUCKET_S, []))
        more = examinations > 0
        if more.any():
            looks = Looks(segments[more], items[more], examinations[more], now_s)
            self._buckets[-1][2].append(looks)
            self._entries += int(more.sum())
        if self._entries > MAX_ENTRIES:
            self._close()
        while self._entries > MAX_ENTRIES and len(self._buckets) > 2:
            self._merge(0)

    def clicked(self, clicks: Sequence[tuple[float, float]]) -> None:
        """Counted clicks: (seconds after the impression, time of the impression)."""
        self._clicks.add(clicks)

    def join(self) -> None:
        """From now on all segments are one, number 0."""
        buckets, self._buckets, self._entries = self._buckets, deque(), 0
        for begin_s, end_s, parts in buckets:
            own = [looks._replace(segments=np.zeros_like(looks.segments)) for looks in parts]
            self._buckets.append((begin_s, end_s, own))
            self._entries += sum(looks.items.size for looks in own)
            self._close()

    def examinations(self, shape: tuple[int, int], now_s: float) -> Floats:
        """(n_segments, n_items) looks that are not evidence yet."""
        delays = self._learned(now_s)
        while self._buckets and now_s - self._buckets[0][1] > self._window_s:
            self._drop()
        ages_s, weights, cells = [np.zeros(0)], [np.zeros(0)], [np.zeros(0, dtype=np.int64)]
        for _, _, parts in self._buckets:
            for segments, items, examinations, seen_s in parts:
                there = (segments < shape[0]) & (items < shape[1])
                cells.append((segments * shape[1] + items)[there])
                weights.append(examinations[there])
                ages_s.append(np.full(int(there.sum()), max(0.0, now_s - seen_s)))
        return pending_examinations(
            delays, np.concatenate(ages_s), np.concatenate(weights), np.concatenate(cells), shape
        )

    def _close(self) -> None:
        """Add up the looks of the last bucket by cell."""
        if self._buckets and len(self._buckets[-1][2]) > 1:
            begin_s, end_s, parts = self._buckets.pop()
            summed = _summed(parts)
            self._entries += summed.items.size - sum(looks.items.size for looks in parts)
            self._buckets.append((begin_s, end_s, [summed]))

    def _thin_out(self, now_s: float) -> None:
        """Make one of neighbours that are of about one age by now."""
        at = 0
        while at + 1 < len(self._buckets):
            begin_s, end_s = self._buckets[at][0], self._buckets[at + 1][1]
            if end_s - begin_s <= AGE_SHARE * (now_s - end_s):
                self._merge(at)
            else:
                at += 1

    def _merge(self, at: int) -> None:
        """Make one of a bucket and the next."""
        begin_s, _, older = self._buckets[at]
        _, end_s, younger = self._buckets[at + 1]
        summed = _summed([*older, *younger])
        self._entries += summed.items.size
        self._entries -= sum(looks.items.size for looks in (*older, *younger))
        self._buckets[at] = begin_s, end_s, [summed]
        del self._buckets[at + 1]

    def _drop(self) -> None:
        _begin, _end, parts = self._buckets.popleft()
        self._entries -= sum(looks.items.size for looks in parts)

    def _learned(self, now_s: float) -> Delays:
        if (
            self._delays is None
            or now_s >= self._relearn_at_s
            or len(self._clicks) >= 2 * self._learned_from + FIRST_CLICKS
        ):
            self._relearn_at_s = now_s + RELEARN_S
            self._learned_from = len(self._clicks)
            delays_s, seen_s = self._clicks.arrays()
            ages_s = np.maximum(now_s - seen_s, delays_s)
            self._delays = learn_delays(
                delays_s, ages_s, self._edges_s, prior_mean_s=min(PRIOR_MEAN_S, self._window_s)
            )
            # looks that are older than nearly all clicks are settled: nothing to remember
            done = self._delays.edges_s[np.searchsorted(self._delays.cdf, 0.99)]
            while self._buckets and now_s - self._buckets[0][1] > done:
                self._drop()
        return self._delays


def _summed(parts: Sequence[Looks]) -> Looks:
    """Looks added up by cell, of their mean time."""
    if not parts:
        return Looks(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), 0.0)
    segments, items, examinations = (
        np.concatenate(column) for column in list(zip(*parts, strict=True))[:3]
    )
    width = int(items.max(initial=0)) + 1
    cells, inverse = np.unique(segments * width + items, return_inverse=True)
    sums = np.bincount(inverse, weights=examinations, minlength=cells.size).astype(np.float64)
    each = [looks.examinations.sum() for looks in parts]
    seen_s = float(np.average([looks.seen_s for looks in parts], weights=each))
    return Looks(cells // width, cells % width, sums, seen_s)
