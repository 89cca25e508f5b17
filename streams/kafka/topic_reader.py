"""TopicReader: whole topics outside of any group, committed records only: from their start, from
their end, or from some records before it; once or for ever.

Ends are measured when the reader is made, so what is produced afterwards is always seen by a reader
from the end. The embedded broker names as its end the start of the last batch plus one: there, a
reader from the end may see the rest of that batch too.
"""

import logging
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.kafka.admin import TopicsError
from streams.kafka.client import consuming
from streams.kafka.rights import denied, named, resource_of
from streams.kafka.watermarks import measure_range

log = logging.getLogger(__name__)

BATCH = 4000
POLL_S = 0.2
METADATA_TIMEOUT_S = 10.0

Place = tuple[str, int]  # (topic, partition)


class TopicReader:
    """All partitions of some topics. Use it in `with`.

    Parameters
    ----------
    client
        From `Settings.kafka_client`.
    topics
        Full names.
    from_end
        Skip what is there already.
    back
        With `from_end`: but for so many records of each partition.
    patient
        Outlast brokers that are away, instead of raising an error.
    undecided
        The end is behind transactions that are still open: what was committed behind one is read
        when that is decided, which a worker that was stopped and is fenced can put off for as long
        as a transaction may last.
    in_turn
        Of `topics`, one whose partitions are read one after the other up to their ends, and
        together from there on.

    Raises
    ------
    TopicsError
        When a topic does not exist.
    KafkaException
        For a right that is missing, and brokers that do not answer.
    """

    def __init__(
        self,
        client: Mapping[str, Any],
        *topics: str,
        from_end: bool = False,
        back: int = 0,
        patient: bool = False,
        undecided: bool = False,
        in_turn: str | None = None,
    ) -> None:
        self.topics = topics
        self._in_turn = in_turn
        self._paused: list[Place] = []
        self._ends: dict[Place, int] = {}  # as last measured
        self._patient = patient
        self._undecided = undecided
        self._config = {
            **consuming(client),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            # as shipped the client sleeps up to 1 s with a full queue
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 50,
            "log_level": 0,
        }
        self.consumer = Consumer(self._config)
        try:
            self._places = [place for topic in topics for place in self._partitions(topic)]
            self._left: dict[Place, int] = {}
            self._start = {
                place: max(low, end - back) if from_end else low
                for place, (low, end) in self._measure().items()
            }
            self._assign()
        except BaseException:
            self.close()
            raise

    def _partitions(self, topic: str) -> list[Place]:
        found = self.consumer.list_topics(topic, timeout=METADATA_TIMEOUT_S).topics[topic]
        if found.error is not None and denied(found.error):
            raise KafkaException(named(found.error, f"topic {topic}"))
        if found.error is not None or not found.partitions:
            msg = f"expected the topic {topic}, found none; run `slatestream topics create`"
            raise TopicsError(msg)
        return [(topic, number) for number in found.partitions]

    def _measure(self) -> dict[Place, tuple[int, int]]:
        """First offset and end of each partition; the ends are what `at_end` asks for."""
        # subtle: to a reader of committed records the log ends at the first open transaction
        meter = (
            Consumer({**self._config, "isolation.level": "read_uncommitted"})
            if self._undecided
            else self.consumer
        )
        try:
            found = {place: measure_range(meter, *place) for place in self._places}
        finally:
            if meter is not self.consumer:
                meter.close()
        self._left = {place: end for place, (low, end) in found.items() if low < end}
        self._ends = {place: end for place, (_low, end) in found.items()}
        return found

    def again(self, topic: str) -> None:
        """Read a topic from its beginning once more; its end is measured anew."""
        for position in self.consumer.position([TopicPartition(*place) for place in self._places]):
            if position.offset >= 0:  # else nothing was read of it
                self._start[position.topic, position.partition] = position.offset
        for place in [place for place in self._places if place[0] == topic]:
            low, end = measure_range(self.consumer, *place)
            self._start[place], self._ends[place] = low, end
            self._left.pop(place, None)
            if low < end:
                self._left[place] = end
        self._assign()

    def _assign(self) -> None:
        self.consumer.assign([TopicPartition(*place, at) for place, at in self._start.items()])
        self._paused = []
        self._pause()

    def _pause(self) -> None:
        """Hold back all but one of the partitions that are read in turn."""
        waiting = sorted(place for place in self._left if place[0] == self._in_turn)
        resumed, self._paused = set(self._paused), waiting[1:]
        if self._paused:
            self.consumer.pause([TopicPartition(*place) for place in self._paused])
        resumed -= set(self._paused)
        if resumed:
            self.consumer.resume([TopicPartition(*place) for place in sorted(resumed)])

    def batch(self, timeout_s: float = POLL_S) -> list[Message]:
        """What has arrived; empty when nothing does within `timeout_s`.

        Raises
        ------
        KafkaException
            For an error that does not pass; a patient reader goes on where brokers are away.
        """
        first = self.consumer.poll(timeout_s)
        if first is None:
            return []
        # subtle: consume(n, t) holds a single record back for the whole t; poll, then take what is
        # there.
        messages = [first, *self.consumer.consume(BATCH, 0)]
        records = [message for message in messages if message.error() is None]
        if len(records) < len(messages):
            self._check(messages)
        if self._left:
            self._reached(messages)
        return records

    def _check(self, messages: Iterable[Message]) -> None:
        for message in messages:
            error = message.error()
            if error is None or error.code() == KafkaError._PARTITION_EOF:
                continue
            if error.fatal() or denied(error) or not (error.retriable() or self._patient):
                raise KafkaException(named(error, resource_of(message, self._config["group.id"])))
            log.debug("%s", error.str())  # the client goes on by itself

    def _reached(self, messages: Iterable[Message]) -> None:
        """Take out of `_left` what is read to its end."""
        reached: dict[Place, int] = {}
        for message in messages:
            place = message.topic() or "", message.partition() or 0
            error, offset = message.error(), message.offset() or 0
            if error is None:
                reached[place] = offset + 1
            elif error.code() == KafkaError._PARTITION_EOF:
                # a notice of the end stands behind markers of transactions
                reached[place] = max(offset, reached.get(place, 0))
        done = [place for place, at in reached.items() if at >= self._left.get(place, at + 1)]
        for place in done:
            del self._left[place]
        if any(topic == self._in_turn for topic, _ in done):
            self._pause()

    def ends_of(self, topic: str) -> dict[int, int]:
        """Ends of a topic's partitions, as last measured."""
        return {number: end for (name, number), end in self._ends.items() if name == topic}

    def read_to_end(self, topic: str) -> set[int]:
        """Partitions of a topic that are read to their measured ends."""
        places = {number for name, number in self._places if name == topic}
        return places - {number for name, number in self._left if name == topic}

    def at_end(self) -> bool:
        """Whether everything that was there when the ends were measured has been read."""
        return not self._left

    def behind(self) -> list[str]:
        """Topics that are not read to their measured ends."""
        return sorted({topic for topic, _number in self._left})

    def until_end(self) -> Iterator[Message]:
        """Every record up to the end of each partition, measured at the first step."""
        self._measure()
        # subtle: what a reader from the end has passed by then is not left to read
        for position in self.consumer.position([TopicPartition(*place) for place in self._left]):
            place = position.topic, position.partition
            if position.offset >= self._left[place]:
                del self._left[place]
        while not self.at_end():
            yield from self.batch()
        # the embedded broker's end is before the last records of a batch
        yield from self.batch(0)

    def for_ever(self) -> Iterator[Message]:
        """Every record, waiting for more."""
        while True:
            yield from self.batch()

    def answers(self, wait_s: float = 1.0) -> bool:
        """Whether a broker answers now."""
        try:
            self.consumer.list_topics(self.topics[0], wait_s)
        except KafkaException:
            return False
        return True

    def lag(self) -> int:
        """Records that the broker has and this has not read, as far as its last answers tell."""
        behind = 0
        for position in self.consumer.position(self.consumer.assignment()):
            _low, high = self.consumer.get_watermark_offsets(position, cached=True)
            behind += max(0, high - max(position.offset, 0))
        return behind

    def close(self) -> None:
        """Leave the brokers."""
        self.consumer.close()

    def __enter__(self) -> "TopicReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
