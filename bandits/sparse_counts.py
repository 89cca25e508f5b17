"""SparseCounts: counts of the (segment, item) pairs that have any, segment by segment.

    sums of segment s      items (n,) ascending, numbers (n_columns, n)
    sums of all segments   (n_columns, n_items)

What is unseen, or was taken off again, costs nothing. Nothing changes a `SparseCounts`: `added`
makes the next one, copies the segments that grew, and shares all others, so a copy of the whole is
as cheap as what changed.
Columns are those of `bandits.learning.recent_counts.COLUMNS`, and behind them any others that add
up.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

Ints = NDArray[np.int64]
ITEM_BITS = 32


class SegmentCounts(NamedTuple):
    """Counts of one segment: items (n,) int32 ascending, and sums (n_columns, n)."""

    items: NDArray[np.int32]
    sums: Floats


class SparseCounts(NamedTuple):
    """Counts of all segments.

    Attributes
    ----------
    segments
        Of each segment, by its number.
    items
        (n_columns, n_items) sums over the segments.

    """

    segments: tuple[SegmentCounts, ...]
    items: Floats

    @property
    def n_items(self) -> int:
        """Items that there are."""
        return int(self.items.shape[1])

    @property
    def n_cells(self) -> int:
        """Pairs that have counts."""
        return sum(segment.items.size for segment in self.segments)

    def row(self, segment: int | None) -> Floats:
        """(n_columns, n_items) of one segment; None is one without counts."""
        row = np.zeros(self.items.shape)
        if segment is not None:
            row[:, self.segments[segment].items] = self.segments[segment].sums
        return row

    def column(self, item: int) -> Floats:
        """(n_columns, n_segments) of one item."""
        column = np.zeros((self.items.shape[0], len(self.segments)))
        for number, (items, sums) in enumerate(self.segments):
            at = int(np.searchsorted(items, item))
            if at < items.size and items[at] == item:
                column[:, number] = sums[:, at]
        return column

    def dense(self) -> Floats:
        """(n_columns, n_segments, n_items)."""
        n_columns, n_items = self.items.shape
        out = np.zeros((n_columns, len(self.segments), n_items))
        for number, (items, sums) in enumerate(self.segments):
            out[:, number, items] = sums
        return out


def nothing(n_columns: int) -> SparseCounts:
    """Counts of an empty log.

    Examples
    --------
    >>> nothing(5).items.shape
    (5, 0)

    """
    return SparseCounts((), np.zeros((n_columns, 0)))


def added(
    counts: SparseCounts,
    segments: Ints,
    items: Ints,
    increments: Floats,
    shape: tuple[int, int],
) -> tuple[SparseCounts, list[int]]:
    """Counts with increments added, and the segments that changed.

    Parameters
    ----------
    counts
        Before; it stays as it is.
    segments, items
        (n,) of each increment, in any order and with repeats.
    increments
        (n, n_columns).
    shape
        Segments and items that there are by now; never fewer than before.

    Examples
    --------
    >>> pairs = np.array([1, 1]), np.array([7, 7])
    >>> counts, changed = added(nothing(1), *pairs, np.array([[2.0], [3.0]]), (2, 9))
    >>> counts.segments[1].items, counts.segments[1].sums, changed
    (array([7], dtype=int32), array([[5.]]), [1])

    """
    n_columns = counts.items.shape[0]
    totals = np.zeros((n_columns, shape[1]))
    totals[:, : counts.n_items] = counts.items
    own = list(counts.segments)
    empty = SegmentCounts(np.zeros(0, dtype=np.int32), np.zeros((n_columns, 0)))
    own += [empty] * (shape[0] - len(own))
    if not items.size:
        return SparseCounts(tuple(own), totals), []
    code = segments << ITEM_BITS | items
    order = np.argsort(code, kind="stable")
    code = code[order]
    first = np.flatnonzero(np.r_[True, code[1:] != code[:-1]])
    sums = np.add.reduceat(increments[order], first, axis=0).T  # (n_columns, n_pairs)
    code = code[first]
    pair_items = code & ((1 << ITEM_BITS) - 1)
    for column in range(n_columns):
        np.add.at(totals[column], pair_items, sums[column])
    of_segment = code >> ITEM_BITS
    edges = np.flatnonzero(np.r_[True, of_segment[1:] != of_segment[:-1], True])
    changed = of_segment[edges[:-1]].tolist()
    for segment, begin, end in zip(changed, edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        own[segment] = _merged(
            own[segment], pair_items[begin:end].astype(np.int32), sums[:, begin:end]
        )
    return SparseCounts(tuple(own), totals), changed


def scaled(counts: SparseCounts, columns: slice, factor: float) -> SparseCounts:
    """Counts with some columns times a factor: a copy of everything."""

    def times(sums: Floats) -> Floats:
        out = sums.copy()
        out[columns] *= factor
        return out

    segments = tuple(each._replace(sums=times(each.sums)) for each in counts.segments)
    return SparseCounts(segments, times(counts.items))


def _merged(before: SegmentCounts, items: NDArray[np.int32], sums: Floats) -> SegmentCounts:
    at = np.searchsorted(before.items, items)
    known = before.items.take(at, mode="clip") == items if before.items.size else at < 0
    if known.all():
        grown = before.sums.copy()
        grown[:, at] += sums
        if (sums < 0).any():
            return _without_nothing(SegmentCounts(before.items, grown))
        return SegmentCounts(before.items, grown)
    new = ~known
    # where the known and the new ones stand among all
    place = at + np.cumsum(new) - new
    n = before.items.size + int(new.sum())
    is_old = np.ones(n, dtype=np.bool_)
    is_old[place[new]] = False
    merged = np.empty(n, dtype=np.int32)
    merged[is_old], merged[place[new]] = before.items, items[new]
    grown = np.zeros((sums.shape[0], n))
    grown[:, is_old] = before.sums
    grown[:, place] += sums
    return SegmentCounts(merged, grown)


def _without_nothing(counts: SegmentCounts) -> SegmentCounts:
    """Without pairs whose counts were taken off again; differences of floats may leave 1e-17."""
    left = (np.abs(counts.sums) > 1e-9).any(axis=0)
    return counts if left.all() else SegmentCounts(counts.items[left], counts.sums[:, left])
