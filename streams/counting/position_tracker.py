"""PositionTracker: the event loop's side of a fetcher. It knows which positions have been handed
out, and what is left to read.
"""

import time
from collections.abc import Callable, Mapping

from streams.counting.chunk import Chunk
from streams.counting.consumer import Consumed, Place
from streams.counting.consumer_process import ConsumerProcess

SILENCE_S = 5.0  # after which an old answer says nothing about the ends of partitions


class PositionTracker:
    """Chunks of the assigned partitions, from the positions it was given; `heard` is told of each
    answer.
    """

    def __init__(self, consumer: ConsumerProcess, heard: Callable[[], None] = lambda: None) -> None:
        self._heard = heard
        self.topics: frozenset[str] = frozenset()
        # whether the last read was as large as may be: an old log, or more than this worker can do
        self.busy = False
        self._consumer = consumer
        self._positions: dict[Place, int] = {}
        # the consumer's own positions, which go past markers of transactions
        self._reached: dict[Place, int] = {}
        self._ends: dict[Place, int] = {}
        self._heard_s = 0.0
        self._session = -1

    async def assign(
        self,
        session: int,
        source: Mapping[str, str],
        positions: Mapping[Place, int],
        follows: Mapping[str, str],
        known: Mapping[Place, tuple[int, int]],
    ) -> None:
        """Read these partitions from here on; see `ChunkConsumer.assign`."""
        self._positions, self._session = dict(positions), session
        self._reached, self._ends = dict(positions), {}
        self.topics = frozenset(source)
        await self._consumer.call(
            "assign", session, dict(source), dict(positions), dict(follows), dict(known)
        )

    async def read(self) -> list[Chunk]:
        """The next chunks, one per partition at most; none after a while without records.

        Raises
        ------
        KafkaException, ConsumerError
            For an error that does not pass by itself.
        """
        session = self._session
        consumed: Consumed = await self._consumer.call("read")
        self._heard()
        if session != self._session:
            return []
        for chunk in consumed.chunks:
            self._positions[chunk.topic, chunk.partition] = chunk.end
        # subtle: only now, with the records handed over: the consumer's position passes them while
        # they are on their way here
        self._reached, self._ends, self.busy = consumed.reached, consumed.ends, consumed.busy
        self._heard_s = time.monotonic()
        return consumed.chunks

    def behind(self, number: int, applied: Mapping[str, int], ends: Mapping[str, int]) -> list[str]:
        """Topics whose partition `number` has records that are not in the state yet.

        Parameters
        ----------
        number
            The partition.
        applied
            Next offset of the state by topic: a chunk that was read and waits in a queue has not
            come to pass.
        ends
            Ends by topic as measured when the partition was taken over. The broker's answers since
            then count too, but the last one may be from an earlier time with this partition.
        """
        silent = time.monotonic() - self._heard_s > SILENCE_S
        found = []
        for topic, next_offset in applied.items():
            high = self._ends.get((topic, number), -1)
            if (
                silent
                or high < 0
                or not self.answered(topic, number, next_offset, max(high, ends[topic]))
            ):
                found.append(topic)
        return found

    def answered(self, topic: str, number: int, applied: int, end: int) -> bool:
        """Whether everything before `end` was read, and all that was read is applied up to
        `applied`.
        """
        return applied >= end or (
            applied == self._positions[topic, number] and self.reached(topic, number, end)
        )

    def reached(self, topic: str, number: int, end: int) -> bool:
        """Whether everything before `end` has been read; markers of transactions at the end count
        as read.
        """
        return max(self._positions[topic, number], self._reached.get((topic, number), 0)) >= end

    def left(self, topic: str, number: int, applied: int) -> int | None:
        """Records between the state, which has come to `applied`, and the end; None as long as no
        end is known.
        """
        end = self._ends.get((topic, number), -1)
        if end < 0:
            return None
        if applied == self._positions.get((topic, number)):  # markers of transactions may follow
            applied = max(applied, self._reached.get((topic, number), 0))
        return max(0, end - applied)

    async def close(self) -> None:
        """Stop reading."""
        await self._consumer.close()
