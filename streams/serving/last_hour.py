"""LastHour: what counts grew by lately, as the changelog has it, for a process that starts.

The log keeps every row of the last hour (`min.compaction.lag.ms`), and a row says when it was
written and what it grew by. So a new process sees the looks that still wait for their clicks, and
what is recent, as one that ran all along; but for times, which are those of flushes. Of very many
rows the youngest count.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from bandits.learning.evidence import Evidence
from streams.kafka.changelogs import COMPACTION_LAG_S

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MOST_ROWS = 2_000_000  # 64 bytes each
STEP_S = 1.0  # rows of one step are of one time
TURNS = 12  # between which what is recent fades


class LastHour:
    """Rows that were read, in any order of partitions."""

    def __init__(self) -> None:
        self._parts: list[tuple[Floats, Ints, Ints, Floats]] = []
        self._n = 0
        self._since_s = 0.0

    def add(
        self, touched_s: Floats, segments: Ints, items: Ints, added: Floats, now_s: float
    ) -> None:
        """Rows (n,): when they were written, and what they grew by, (n, 5)."""
        self._since_s = max(self._since_s, now_s - COMPACTION_LAG_S)
        young = touched_s > self._since_s
        self._parts.append((touched_s[young], segments[young], items[young], added[young]))
        self._n += int(young.sum())
        if self._n > MOST_ROWS:
            self._join()
            touched_s, segments, items, added = self._parts[0]
            self._since_s = float(np.partition(touched_s, self._n // 2)[self._n // 2])
            kept = touched_s > self._since_s
            self._parts = [(touched_s[kept], segments[kept], items[kept], added[kept])]
            self._n = int(kept.sum())

    def into(self, evidence: Evidence, shape: tuple[int, int], now_s: float) -> None:
        """Tell all of it to the evidence, oldest first; then it is forgotten."""
        if self._n:
            self._join()
            touched_s, segments, items, added = self._parts[0]
            evidence.reserve(shape)
            step = np.minimum(touched_s, now_s) // STEP_S
            order = np.argsort(step, kind="stable")
            edges = np.flatnonzero(np.r_[True, np.diff(step[order]) > 0, True])
            turn_s = STEP_S * float(step[order[0]])
            every_s = max(STEP_S, (now_s - turn_s) / TURNS)
            for begin, end in itertools.pairwise(edges):
                own = order[begin:end]
                at_s = STEP_S * float(step[own[0]])
                if at_s > turn_s + every_s:
                    evidence.fade(shape, at_s)
                    turn_s = at_s
                evidence.add(segments[own], items[own], added[own], at_s)
        self._parts, self._n = [], 0

    def _join(self) -> None:
        touched_s, segments, items, added = map(np.concatenate, zip(*self._parts, strict=True))
        self._parts = [(touched_s, segments, items, added)]
