"""Offsets: how far the requests of each partition are answered for good. An offset may be committed
when the answers of all records before it are in the log.

Records are opened in their order and closed in any. What was opened in an earlier assignment of its
partition counts for nothing: somebody else may have answered further since.
"""

from collections import deque
from typing import NamedTuple


class Opened(NamedTuple):
    """A record that is being answered."""

    partition: int
    assignment: int
    offset: int


class Offsets:
    """Of the partitions that are assigned."""

    def __init__(self) -> None:
        self._assignment: dict[int, int] = {}
        self._assignments = 0
        self._open: dict[int, deque[int]] = {}  # offsets, in order
        self._closed: dict[int, set[int]] = {}

    def assign(self, partition: int) -> None:
        """A partition begins anew."""
        self._assignments += 1
        self._assignment[partition] = self._assignments
        self._open[partition], self._closed[partition] = deque(), set()

    def drop(self, partition: int) -> None:
        """A partition went away."""
        for by_partition in (self._assignment, self._open, self._closed):
            by_partition.pop(partition, None)

    def open(self, partition: int, offset: int) -> Opened:
        """A record was read."""
        if partition not in self._assignment:
            return Opened(partition, 0, offset)
        self._open[partition].append(offset)
        return Opened(partition, self._assignment[partition], offset)

    def close(self, opened: Opened) -> int | None:
        """A record is answered; returns the offset that may be committed now, if that has moved."""
        number = opened.partition
        if self._assignment.get(number) != opened.assignment:
            return None
        waiting, closed = self._open[number], self._closed[number]
        closed.add(opened.offset)
        reached = None
        while waiting and waiting[0] in closed:
            reached = waiting.popleft() + 1
            closed.remove(reached - 1)
        return reached
