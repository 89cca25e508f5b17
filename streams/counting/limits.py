"""Limits: what clients can invent, bounded in each partition.

    segments        the first `segments` names that a partition counts under keep their rows; events
                    of any further one count under `other`
    unknown items   of ids that no record of `items` describes, the first `unknown_items` that a
                    partition counts have rows; events of any further one are counted in a metric,
                    and nowhere else

Events of a user stand in one partition, so what a few users invent fills the room of their
partitions and of no other. Names that are real come in every partition: of these the number is that
of the whole, too. All partitions together hold at most `segments` times their number.

What was admitted follows from the state: segments from the keys of counts rows, unknown items from
rows of their own (`rows.UNKNOWN_PREFIX`). A flush that is undone admits nothing; what comes first
after a restore may be another name, and each event is judged once, in the flush that commits it.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.contract.segments import DEFAULT_SEGMENT, OTHER_SEGMENT
from streams.counting.rocksdb import Disk

MERGE_AT = 4096  # names that a set of hashes keeps as objects, 100 bytes each and not 8


class Limits(NamedTuple):
    """How many a partition admits."""

    segments: int = 10_000
    unknown_items: int = 100_000


class Hashes:
    """A set of names, as hashes of 8 bytes. One thread adds, any may ask. Two names share a hash
    once in 10^7 for a million names.
    """

    def __init__(self) -> None:
        self._sorted: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self._new: set[int] = set()

    def __contains__(self, name: str) -> bool:
        return self._has(hash(name))  # of this process alone: nobody can make two that share one

    def _has(self, found: int) -> bool:
        if found in self._new:
            return True
        hashes = self._sorted
        at = int(np.searchsorted(hashes, found))
        return at < hashes.size and int(hashes[at]) == found

    def __len__(self) -> int:
        return self._sorted.size + len(self._new)

    def add(self, names: Iterable[str]) -> None:
        """Add names."""
        self._new.update(found for found in map(hash, names) if not self._has(found))
        if len(self._new) >= MERGE_AT:
            self._merge()

    def remove(self, others: "Hashes") -> None:
        """Remove what is in `others`, too."""
        self._merge()
        for found in (_array(others._new.copy()), others._sorted):
            self._sorted = self._sorted[~np.isin(self._sorted, found, assume_unique=True)]

    def _merge(self) -> None:
        # subtle: in this order, or a name could be in neither for another thread
        self._sorted = np.union1d(self._sorted, _array(self._new))
        self._new = set()


def _array(hashes: set[int]) -> NDArray[np.int64]:
    return np.fromiter(hashes, np.int64, len(hashes))


class DescribedItems:
    """Ids that records of `items` describe, filled by `items_follower`.

    Attributes
    ----------
    complete
        Whether the topic was read to its end once; until then every id is taken for described.
    """

    def __init__(self) -> None:
        self.ids = Hashes()
        self.complete = False


class Admission:
    """What one partition admits.

    Parameters
    ----------
    limits
        How many.
    described
        Items that are no invention.
    disk
        Of the partition.
    """

    def __init__(self, limits: Limits, described: DescribedItems, disk: Disk) -> None:
        self._limits = limits
        self._described = described
        # one string for each: copies scatter what is short-lived over all memory
        self._segments = {name: name for name in (DEFAULT_SEGMENT, OTHER_SEGMENT)}
        self._segments |= {name: name for name in disk.segments()}
        self._unknown = Hashes()
        self._unknown.add(disk.unknown_items())
        self._swept_at = 0  # how many were described when the unknown ones were last looked through
        self.new_unknown: list[str] = []  # since the last flush

    def segment(self, name: str) -> str:
        """The segment under which events of segment `name` count; a new one is admitted."""
        known = self._segments.get(name)
        if known is None:
            if len(self._segments) >= self._limits.segments + 2:
                return OTHER_SEGMENT
            known = self._segments[name] = name
        return known

    def look_up(self, name: str) -> str:
        """The same; a new one is not admitted yet."""
        full = len(self._segments) >= self._limits.segments + 2
        return self._segments.get(name, OTHER_SEGMENT if full else name)

    def item(self, name: str) -> bool:
        """Whether an item that has no row in a segment may have one."""
        described = self._described
        if not described.complete or name in described.ids or name in self._unknown:
            return True
        if len(self._unknown) >= self._limits.unknown_items and not self._sweep():
            return False
        self._unknown.add((name,))
        self.new_unknown.append(name)
        return True

    def _sweep(self) -> bool:
        """Take those out that were described since; whether there is room now."""
        known = len(self._described.ids)
        # a look costs some milliseconds: not for each record of `items`
        if known <= 1.01 * self._swept_at:
            return False
        self._swept_at = known
        self._unknown.remove(self._described.ids)
        return len(self._unknown) < self._limits.unknown_items
