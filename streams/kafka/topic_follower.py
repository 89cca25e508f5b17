"""TopicFollower: every record of some topics, from the beginning on; committed records only, no
group.

Used for what serving needs whole: the counts changelog, items, embeddings, releases. Reading
blocks.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.kafka.client import consuming
from streams.kafka.rights import denied, named, resource_of
from streams.kafka.watermarks import measure_range

log = logging.getLogger(__name__)

BATCH_RECORDS = 4000  # applied in one go: a few milliseconds
WAIT_S = 0.1
CALL_TIMEOUT_S = 20.0

Place = tuple[str, int]


class TopicFollower:
    """A reader of whole topics; `at_end` once it has read all that was there when it started.

    With `undecided` also what was committed behind a transaction that is still open: it is read
    when that one is decided, which a worker that was stopped and is fenced can put off for as long
    as a transaction may last.
    """

    def __init__(
        self, client: Mapping[str, Any], topics: Iterable[str], undecided: bool = False
    ) -> None:
        self.topics = tuple(topics)
        self._undecided = undecided
        self._client = {
            **consuming(client),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 50,
        }
        self._consumer: Consumer | None = None
        self._left: dict[Place, int] = {}

    def open(self) -> None:
        """Assign every partition from its beginning and note where the ends are now."""
        consumer = Consumer(self._client)
        # subtle: to a reader of committed records the log ends at the first open transaction
        measuring = (
            Consumer({**self._client, "isolation.level": "read_uncommitted"})
            if self._undecided
            else consumer
        )
        places = []
        for topic in self.topics:
            found = consumer.list_topics(topic, CALL_TIMEOUT_S).topics[topic]
            if found.error is not None:
                raise KafkaException(named(found.error, f"topic {topic} (Describe)"))
            places += [TopicPartition(topic, number, 0) for number in found.partitions]
        for place in places:
            low, end = measure_range(measuring, place.topic, place.partition)
            place.offset = low
            if low < end:
                self._left[place.topic, place.partition] = end
        if measuring is not consumer:
            measuring.close()
        consumer.assign(places)
        self._consumer = consumer

    def read(self, wait_s: float = WAIT_S) -> list[Any]:
        """The next records; blocks for `wait_s` at most."""
        consumer = self._consumer
        if consumer is None:
            msg = "the tail is not open"
            raise RuntimeError(msg)
        records = [
            record
            for record in consumer.consume(BATCH_RECORDS, wait_s)
            if _good(record, self._client["group.id"])
        ]
        if self._left:
            for position in consumer.position([TopicPartition(*place) for place in self._left]):
                if position.offset >= self._left[position.topic, position.partition]:
                    del self._left[position.topic, position.partition]
        return records

    def at_end(self) -> bool:
        """Whether everything that was there at `open` has been read."""
        return not self._left

    def behind(self) -> list[str]:
        """Topics that are not read as far as they went at `open`."""
        return sorted({topic for topic, _number in self._left})

    def answers(self, wait_s: float = 1.0) -> bool:
        """Whether a broker answers now."""
        if self._consumer is None:
            return False
        try:
            self._consumer.list_topics(self.topics[0], wait_s)
        except KafkaException:
            return False
        return True

    def lag(self) -> int:
        """Records that the broker has and this has not read, as far as its last answers tell."""
        consumer = self._consumer
        if consumer is None:
            return 0
        behind = 0
        for position in consumer.position(consumer.assignment()):
            _low, high = consumer.get_watermark_offsets(position, cached=True)
            behind += max(0, high - max(position.offset, 0))
        return behind

    def close(self) -> None:
        """Stop reading."""
        if self._consumer is not None:
            self._consumer.close()


def _good(record: Any, group: str) -> bool:
    error = record.error()
    if error is None:
        return True
    if error.fatal() or denied(error):
        raise KafkaException(named(error, resource_of(record, group)))
    log.warning("tail: %s", error.str())  # librdkafka goes on by itself
    return False
