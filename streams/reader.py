"""Reader: one confluent-kafka consumer in a thread of its own, assigned the partitions of some sources; no group, no commits.

`fetch.queue.backoff.ms` is 5: as shipped, librdkafka sleeps 1 s whenever its queue is full. A reader for requests polls and then takes
what is there (`consume(n, 0)`): `consume(n, t)` alone holds one record back for the whole t. A reader for counts waits `BULK_WAIT_S`
for larger chunks.

A topic can follow another one: clicks are handed out when the impressions of their partition have been read up to the same time (the
records' own timestamps). An old log would otherwise give clicks long before their impressions, since the broker sends bytes and not time,
and every slate would be written twice.
"""

import asyncio
import itertools
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from .chunk import Chunk
from .following import Following, Wish

BULK_WAIT_S = 0.02  # larger chunks are worth 15% of the throughput
PROMPT_WAIT_S = 0.1  # of a poll that finds nothing; a record ends it at once
_PASSING = {"_ALL_BROKERS_DOWN", "_TRANSPORT", "_TIMED_OUT", "_RESOLVE", "NOT_LEADER_FOR_PARTITION", "LEADER_NOT_AVAILABLE"}

Place = tuple[str, int]  # (topic, partition)


class Reader:
    """Chunks of the assigned partitions, from the positions it was given."""

    def __init__(self, client: Mapping[str, Any], name: str, chunk_records: int, prompt: bool, prefetch: int) -> None:
        self.name = name
        self._records = chunk_records
        self._prompt = prompt
        self._consumer = Consumer(
            {
                **client,
                "group.id": "unused",
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",  # positions were held against the topics: anything else is news
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 50,
                "queued.min.messages": prefetch,
                "queued.max.messages.kbytes": 65_536,
            }
        )
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"reader-{name}")
        self.topics: frozenset[str] = frozenset()
        self.busy = False  # whether the last read was as large as may be: an old log, or more than this worker can do
        self._source: dict[str, str] = {}
        self._positions: dict[Place, int] = {}
        self._reached: dict[Place, int] = {}  # the consumer's own positions, which go past markers of transactions
        self._following = Following({}, chunk_records)
        self._session = -1

    async def assign(
        self, session: int, source: Mapping[str, str], positions: Mapping[Place, int], follows: Mapping[str, str] | None = None
    ) -> None:
        """Read these partitions from here on; `source` maps topics to sources, `follows` topics to those that they follow."""
        self._source, self._positions, self._session = dict(source), dict(positions), session
        self._reached = dict(positions)
        self._following = Following(follows or {}, self._records)
        self.topics = frozenset(source)
        await self._call(self._assign, [TopicPartition(topic, number, at) for (topic, number), at in positions.items()])

    async def read(self) -> list[Chunk]:
        """The next chunks, one per partition at most; none after a while without records.

        Raises
        ------
        KafkaException
            For an error that does not pass by itself.
        """
        session = self._session
        records, reached, ends = await self._call(self._read, list(self._positions), self._following.wish())
        if session != self._session:
            return []
        chunks = []
        for (topic, number), own in self._following.ready(by_place(records), reached, ends).items():
            start = self._positions[topic, number]
            if own[0].offset() < start:  # an older assignment leaked
                own = [record for record in own if record.offset() >= start]
            if not own:
                continue
            end = own[-1].offset() + 1
            self._positions[topic, number] = end
            chunks.append(Chunk(self._source[topic], topic, number, own, start, end, session))
        # subtle: only now, with the records handed over: the consumer's position passes them while they are on their way here
        self._reached = reached | {place: self._positions[place] for place in self._following.held}
        return chunks

    def behind(self, number: int, applied: Mapping[str, int], ends: Mapping[str, int]) -> list[str]:
        """Topics whose partition `number` has records that are not in the state yet.

        Parameters
        ----------
        number
            The partition.
        applied
            Next offset of the state by topic: a chunk that was read and waits in a queue has not come to pass.
        ends
            Ends by topic as measured when the partition was taken over. The broker's answers since then are asked too, but the
            last one may be from an earlier time with this partition.
        """
        found = []
        for topic, next_offset in applied.items():
            if (topic, number) not in self._positions:  # taken over, but reading has not begun
                found.append(topic)
                continue
            _low, high = self._consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
            if high < 0 or not self.answered(topic, number, next_offset, max(high, ends[topic])):
                found.append(topic)
        return found

    def answered(self, topic: str, number: int, applied: int, end: int) -> bool:
        """Whether everything before `end` was read, and all that was read is applied up to `applied`."""
        return applied >= end or (applied == self._positions[topic, number] and self.reached(topic, number, end))

    def reached(self, topic: str, number: int, end: int) -> bool:
        """Whether everything before `end` has been read; markers of transactions at the end count as read."""
        return max(self._positions[topic, number], self._reached[topic, number]) >= end

    async def close(self) -> None:
        """Stop reading."""
        await self._call(self._consumer.close)
        self._thread.shutdown()

    def _assign(self, places: list[TopicPartition]) -> None:
        self._consumer.assign(places)
        self._consumer.resume(places)  # subtle: what was paused in an earlier assignment stays paused in the next one

    def _read(self, places: list[Place], wish: Wish) -> tuple[list[Any], dict[Place, int], dict[Place, int]]:
        """Records, the consumer's positions, and the ends of the partitions that held records wait for."""
        if wish.pause:
            self._consumer.pause(_partitions(wish.pause))
        if wish.resume:
            self._consumer.resume(_partitions(wish.resume))
        if self._prompt:
            first = self._consumer.poll(PROMPT_WAIT_S)
            records = [] if first is None else [first, *self._consumer.consume(self._records - 1, 0)]
        else:
            records = self._consumer.consume(self._records, BULK_WAIT_S)
        self.busy = len(records) == self._records
        if any(map(Message.error, records)):
            records = [record for record in records if _good(record)]
        if self.busy:  # more is waiting: where the ends are does not matter yet, and each question hands the interpreter lock to and fro
            return records, self._reached, {}
        reached = self._consumer.position(_partitions(places))
        ends = {place: self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1] for place in wish.leaders}
        return records, {(each.topic, each.partition): each.offset for each in reached}, ends

    async def _call(self, call: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)


def _partitions(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]


def by_place(records: list[Any]) -> dict[Place, list[Any]]:
    """The records of each partition, in their order. They come in long runs, which are found without a Python call for each record."""
    found: dict[Place, list[Any]] = {}
    topics: list[Any] = list(map(Message.topic, records))
    numbers: Iterator[Any] = map(Message.partition, records)
    at = 0
    for number, run in itertools.groupby(numbers):
        end = at + len(list(run))
        for topic, part in itertools.groupby(topics[at:end]):
            size = len(list(part))
            found.setdefault((topic, number), []).extend(records[at : at + size])
            at += size
    return found


def _good(record: Any) -> bool:
    error: KafkaError | None = record.error()
    if error is not None and (error.fatal() or not (error.retriable() or error.name() in _PASSING)):
        raise KafkaException(error)
    return error is None
