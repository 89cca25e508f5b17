"""TopicFollower: every record of some topics, from the beginning on, in every worker; committed
records only, no group.

Used for what all workers need whole: the counts changelog, items, embeddings, releases. Reading
blocks a thread of its own; `follow` hands batches to a plain function on the event loop.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.kafka.watermarks import measure_range

log = logging.getLogger(__name__)

BATCH_RECORDS = 4000  # applied in one go on the event loop: a few milliseconds
WAIT_S = 0.1
CALL_TIMEOUT_S = 20.0

Place = tuple[str, int]


class TopicFollower:
    """A reader of whole topics; `caught_up` once it has read all that was there when it started.

    With `undecided` also what was committed behind a transaction that is still open: it is read
    when that one is decided, which a worker that was stopped and is fenced can put off for as long
    as a transaction may last.
    """

    def __init__(
        self, client: Mapping[str, Any], topics: Iterable[str], undecided: bool = False
    ) -> None:
        self.topics = tuple(topics)
        self._undecided = undecided
        self.caught_up = False
        self._client = {
            **client,
            "group.id": "unused",
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
                raise KafkaException(found.error)
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
        self.caught_up = not self._left

    def read(self, wait_s: float = WAIT_S) -> list[Any]:
        """The next records; blocks for `wait_s` at most."""
        consumer = self._consumer
        if consumer is None:
            msg = "the tail is not open"
            raise RuntimeError(msg)
        records = [record for record in consumer.consume(BATCH_RECORDS, wait_s) if _good(record)]
        if self._left:
            for position in consumer.position([TopicPartition(*place) for place in self._left]):
                if position.offset >= self._left[position.topic, position.partition]:
                    del self._left[position.topic, position.partition]
        return records

    def at_end(self) -> bool:
        """Whether everything that was there at `open` has been read."""
        return not self._left

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

    async def follow(self, apply: Callable[[list[Any]], None]) -> None:
        """Read for ever: each batch goes to `apply`, on the event loop."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(1, thread_name_prefix="tail") as thread:
            await loop.run_in_executor(thread, self.open)
            while True:
                records = await loop.run_in_executor(thread, self.read)
                if records:
                    apply(records)
                # subtle: after the batch was applied, or a reader of `caught_up` would look too
                # early
                self.caught_up = self.at_end()

    def close(self) -> None:
        """Stop reading."""
        if self._consumer is not None:
            self._consumer.close()


def _good(record: Any) -> bool:
    error = record.error()
    if error is None:
        return True
    if error.fatal():
        raise KafkaException(error)
    log.warning("tail: %s", error.str())  # librdkafka goes on by itself
    return False
