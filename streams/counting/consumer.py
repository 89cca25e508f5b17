"""ChunkConsumer: one confluent-kafka consumer, assigned the partitions of some sources; no group,
no commits. Its calls block.

`fetch.queue.backoff.ms` is 5: as shipped, librdkafka sleeps 1 s whenever its queue is full. A read
waits `READ_WAIT_S` for larger chunks.

A topic can follow another one: clicks are handed out when the impressions of their partition have
been read up to the same time (the records' own timestamps), and impressions when the slates have.
An old log would otherwise give clicks long before their impressions, since the broker sends bytes
and not time, and every slate would be written twice. `streams.counting.synchronise` has the rules.
"""

import itertools
import operator
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.counting.chunk import IMPRESSIONS, SLATES, Chunk, Sample
from streams.counting.leader_ends import LeaderEnds
from streams.counting.parse import parse
from streams.counting.rules import Rules
from streams.counting.synchronise import Synchroniser
from streams.kafka.client import consuming
from streams.kafka.event_sample import look_at
from streams.kafka.rights import named, resource_of

SAMPLED = 4  # records of a chunk that are decoded twice: 20 microseconds, whatever its size
READ_WAIT_S = 0.02  # larger chunks are worth 15% of the throughput
_PASSING = {
    "_ALL_BROKERS_DOWN",
    "_TRANSPORT",
    "_TIMED_OUT",
    "_RESOLVE",
    "_AUTHENTICATION",  # a login that is renewed may fail once; start looks for wrong ones
    "NOT_LEADER_FOR_PARTITION",
    "LEADER_NOT_AVAILABLE",
}

Place = tuple[str, int]  # (topic, partition)


class ConsumerConfig(NamedTuple):
    """How a fetcher reads.

    Attributes
    ----------
    client
        configuration of every client of this project.
    chunk_records
        records of a chunk at most.
    prefetch
        records that librdkafka reads ahead, within 64 MiB.
    max_event_bytes
        of a value.
    rules
        of counting.
    """

    client: Mapping[str, Any]
    chunk_records: int
    prefetch: int
    max_event_bytes: int
    rules: Rules


class Consumed(NamedTuple):
    """Of one read: chunks, where the consumer stands (past markers of transactions, but before what
    is held), known ends of partitions.
    """

    chunks: list[Chunk]
    reached: dict[Place, int]
    ends: dict[Place, int]
    busy: bool  # whether it was as large as may be: an old log, or more than this worker can do


class ChunkConsumer:
    """Chunks of the assigned partitions, from the positions it was given."""

    def __init__(self, reading: ConsumerConfig) -> None:
        self._reading = reading
        config = consuming(reading.client)
        self._group = str(config["group.id"])
        self._consumer = Consumer(
            {
                **config,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                # positions were held against the topics: anything else is news
                "auto.offset.reset": "error",
                "isolation.level": "read_committed",
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 50,
                "queued.min.messages": reading.prefetch,
                "queued.max.messages.kbytes": 65_536,
            }
        )
        self._asked = LeaderEnds(reading.client)
        self._session = -1
        self._source: Mapping[str, str] = {}
        self._positions: dict[Place, int] = {}
        self._synchroniser = Synchroniser({}, reading.chunk_records, {})

    def assign(
        self,
        session: int,
        source: Mapping[str, str],
        positions: Mapping[Place, int],
        follows: Mapping[str, str],
        known: Mapping[Place, tuple[int, int]],
    ) -> None:
        """Read these partitions from here on; `source` maps topics to sources, `follows` topics to
        those that they follow; `known` see `Synchroniser`.
        """
        self._session, self._source, self._positions = session, source, dict(positions)
        self._synchroniser = Synchroniser(follows, self._reading.chunk_records, known)
        self._asked.forget()
        places = [TopicPartition(topic, number, at) for (topic, number), at in positions.items()]
        self._consumer.assign(places)
        # subtle: what was paused in an earlier assignment stays paused in the next one
        self._consumer.resume(places)

    def read(self) -> Consumed:
        """The next chunks, one per partition at most; none after a while without records.

        Raises
        ------
        KafkaException
            For an error that does not pass by itself.
        """
        records = self._consumer.consume(self._reading.chunk_records, READ_WAIT_S)
        busy = len(records) == self._reading.chunk_records
        if any(map(Message.error, records)):
            records = [record for record in records if _good(record, self._group)]
        at = self._consumer.position(_partitions(self._positions))
        # subtle: the consumer knows no position of a partition that it has read nothing of
        reached = {
            (each.topic, each.partition): max(
                each.offset, self._positions[each.topic, each.partition]
            )
            for each in at
        }
        ends = {
            place: self._consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1]
            for place in self._positions
        }
        self._asked.look()
        # an end that was cached since may be later than the one that was asked for
        asked = {
            place: (max(end, ends.get(place, -1)), asked_s)
            for place, (end, asked_s) in self._asked.found.items()
        }
        chunks = []
        for place, own in self._synchroniser.ready(by_place(records), reached, asked).items():
            start = self._positions[place]
            if own[0].offset() < start:  # an older assignment leaked
                own = [record for record in own if record.offset() >= start]
            if own:
                chunks.append(self._chunk(place, own))
        self._asked.ask(self._synchroniser.wanted(asked), self._synchroniser.now_s)
        if pause := self._synchroniser.to_pause():
            self._consumer.pause(_partitions(pause))
        if resume := self._synchroniser.to_resume():
            self._consumer.resume(_partitions(resume))
        return Consumed(
            chunks,
            reached | {place: self._positions[place] for place in self._synchroniser.held},
            ends,
            busy,
        )

    def _chunk(self, place: Place, records: list[Any]) -> Chunk:
        topic, number = place
        source, start, end = self._source[topic], self._positions[place], records[-1].offset() + 1
        self._positions[place] = end
        parsed = parse(source, records, self._reading.max_event_bytes, self._reading.rules)
        return Chunk(
            source,
            topic,
            number,
            start,
            end,
            records[-1].timestamp()[1],
            self._session,
            sample_of(source, records),
            *parsed,
        )

    def close(self) -> None:
        """Leave the brokers."""
        self._consumer.close()


def sample_of(source: str, records: list[Any]) -> Sample:
    """Of a few records, the first one and others at equal distances."""
    if source == SLATES:  # slatestream's own
        return Sample()
    step = max(1, len(records) // SAMPLED)
    seen = look_at(records[::step][:SAMPLED], source == IMPRESSIONS)
    return Sample(seen.events, seen.other_key, seen.positions, seen.at_top)


def _partitions(places: Iterable[Place]) -> list[TopicPartition]:
    return [TopicPartition(*place) for place in places]


def by_place(records: list[Any]) -> dict[Place, list[Any]]:
    """The records of each partition, in their order; they come in long runs."""
    found: dict[Place, list[Any]] = {}
    topics: list[Any] = list(map(Message.topic, records))
    numbers: list[Any] = list(map(Message.partition, records))
    # most polls are of one partition
    if records and topics.count(topics[0]) == numbers.count(numbers[0]) == len(records):
        return {(topics[0], numbers[0]): records}
    changes = {0, len(records)}
    for column in (topics, numbers):
        changes.update(itertools.compress(itertools.count(1), map(operator.ne, column, column[1:])))
    for begin, end in itertools.pairwise(sorted(changes)):
        found.setdefault((topics[begin], numbers[begin]), []).extend(records[begin:end])
    return found


def _good(record: Any, group: str) -> bool:
    error: KafkaError | None = record.error()
    if error is not None and (error.fatal() or not (error.retriable() or error.name() in _PASSING)):
        raise KafkaException(named(error, resource_of(record, group)))
    return error is None
