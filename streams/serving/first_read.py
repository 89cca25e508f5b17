"""FirstRead: what the counts changelog says up to where it ended when reading began.

A compacted log holds each row's last record for certain, and what a row grew by is gone with those
before it: here the last total of each row counts. From the end on every record is there (the log
compacts nothing younger than `min.compaction.lag.ms`), and what rows grew by is added. A partition
is read after the other, so that the rows of one are held at a time; 100 bytes each.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.contract.count_rows import CountRows, decode_counts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
MERGE_AT = 500_000  # rows that are held twice or more often before they are merged


class Cells(NamedTuple):
    """Numbers of (segment, item) pairs.

    Attributes
    ----------
    segments, items
        (n,) int64.
    totals
        (n, 5) since the beginning.
    fresh, reference_s
        (n, 5) and (n,): discounted, and the time that they are seen from.
    """

    segments: Ints
    items: Ints
    totals: Floats
    fresh: Floats
    reference_s: Floats

    @classmethod
    def none(cls) -> "Cells":
        """No pair."""
        empty = np.zeros(0, dtype=np.int64)
        return cls(empty, empty, np.zeros((0, 5)), np.zeros((0, 5)), np.zeros(0))


class FirstRead:
    """The rows of partitions that are not read to their ends yet.

    Parameters
    ----------
    ends
        Where each partition ended when reading began; those that are read to it are taken out.
    """

    def __init__(self, ends: Mapping[int, int]) -> None:
        self.ends = dict(ends)
        self._parts: dict[int, list[Cells]] = {}
        self._sizes: dict[int, tuple[int, int]] = {}  # rows held, and how many of them when merged

    def add(
        self, partition: int, segments: Ints, items: Ints, values: Sequence[bytes]
    ) -> tuple[NDArray[np.bool_], CountRows]:
        """Records of one partition, in order; b"" is a tombstone. Returns which are rows, and
        these.
        """
        there = np.fromiter(map(len, values), np.int64, len(values)) > 0  # (n,)
        rows = decode_counts([value for value in values if value])
        parts = [np.zeros((len(values), 5)), np.zeros((len(values), 5)), np.zeros(len(values))]
        for part, column in zip(parts, (rows.totals, rows.fresh, rows.reference_s), strict=True):
            part[there] = column
        self._parts.setdefault(partition, []).append(Cells(segments, items, *parts))
        held, merged = self._sizes.get(partition, (0, 0))
        self._sizes[partition] = held + len(values), merged
        if held + len(values) > 2 * merged + MERGE_AT:
            self._merge(partition)
        return there, rows

    def take(self, partition: int) -> Cells:
        """The partition is read to its end: its rows."""
        self.ends.pop(partition, None)
        if partition not in self._parts:
            return Cells.none()
        self._merge(partition)
        self._sizes.pop(partition)
        return self._parts.pop(partition)[0]

    def _merge(self, partition: int) -> None:
        """Keep the last of each pair."""
        cells = Cells._make(map(np.concatenate, zip(*self._parts[partition], strict=True)))
        code = cells.segments << 32 | cells.items
        _, last = np.unique(code[::-1], return_index=True)
        last = code.size - 1 - last
        self._parts[partition] = [Cells._make(column[last] for column in cells)]
        self._sizes[partition] = last.size, last.size
