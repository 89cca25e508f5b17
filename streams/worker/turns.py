"""Turns: chunks of one partition are counted in the order in which they were read, whichever topics
they are of.

Each topic has an agent of its own in Faust, and agents take turns as the event loop likes. What
was synchronised (`streams.counting.synchronise`) would be out of order again.
"""

from collections import deque

from streams.counting.chunk import Chunk

Name = tuple[str, int]  # topic, first offset


class Turns:
    """What was handed to Faust in one session and is not counted yet."""

    def __init__(self) -> None:
        self._due: dict[int, deque[Name]] = {}  # by partition, in order
        self._come: dict[tuple[int, Name], Chunk] = {}

    def hand_out(self, chunk: Chunk) -> None:
        """A chunk goes to its agent, after those before."""
        self._due.setdefault(chunk.partition, deque()).append((chunk.topic, chunk.start))

    def come(self, chunk: Chunk) -> list[Chunk]:
        """A chunk has come to its agent; returns those whose turn it is, in order."""
        number = chunk.partition
        self._come[number, (chunk.topic, chunk.start)] = chunk
        due, found = self._due[number], []
        while due and (number, due[0]) in self._come:
            found.append(self._come.pop((number, due.popleft())))
        return found
