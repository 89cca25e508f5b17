"""ClicksFollower: who clicked what, from the tail of `clicks`, in a thread of its own.

All partitions, since any process may answer any user. At the start a bounded stretch is read back;
one that falls behind skips ahead: profiles are worth little work beside answers.
"""

import logging
import threading
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.contract.events import CLICK, Click, decode_click
from streams.kafka.client import consuming
from streams.kafka.watermarks import measure_range
from streams.serving.user_profiles import UserProfiles

log = logging.getLogger(__name__)

READ_BACK = 50_000  # records of all partitions together
BATCH_RECORDS = 1000
READ_S = 0.1
AGAIN_S = 1.0
LOOK_EVERY = 50  # batches


class ClicksFollower:
    """The thread. `users` learn from it."""

    def __init__(self, client: Mapping[str, Any], topic: str, users: UserProfiles) -> None:
        self._client = {
            **consuming(client),
            "enable.auto.commit": False,
            "auto.offset.reset": "latest",
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 100,
            "queued.min.messages": 2 * BATCH_RECORDS,
            "log_level": 0,
        }
        self._topic = topic
        self._users = users
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clicks", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(AGAIN_S)

    def _run(self) -> None:
        consumer = Consumer(self._client)
        while not self._stopping.is_set():
            try:
                self._follow(consumer)
            except KafkaException as error:
                log.warning("clicks: %s", error.args[0].str())
                self._stopping.wait(AGAIN_S)
        consumer.close()

    def _follow(self, consumer: Consumer) -> None:
        consumer.assign(self._tail(consumer))
        batches = 0
        while not self._stopping.is_set():
            self.take(consumer.consume(BATCH_RECORDS, READ_S))
            batches += 1
            if batches % LOOK_EVERY == 0 and _behind(consumer) > READ_BACK:
                log.warning("clicks come faster than profiles are made: some are passed over")
                consumer.assign(self._tail(consumer))

    def _tail(self, consumer: Consumer) -> list[TopicPartition]:
        found = consumer.list_topics(self._topic, 10.0).topics[self._topic]
        if found.error is not None:
            raise KafkaException(found.error)
        each = READ_BACK // max(1, len(found.partitions))
        places = []
        for number in found.partitions:
            low, end = measure_range(consumer, self._topic, number)
            places.append(TopicPartition(self._topic, number, max(low, end - each)))
        return places

    def take(self, records: list[Any]) -> None:
        """Note the clicks among some records; others are passed over."""
        clicks: list[Click] = []
        for record in records:
            if record.error() is None:
                try:
                    clicks.append(decode_click.quick(record.value()))
                except decode_click.NOT_GOOD:
                    continue
        self._users.clicked([click for click in clicks if click.kind == CLICK])


def _behind(consumer: Consumer) -> int:
    behind = 0
    for position in consumer.position(consumer.assignment()):
        _low, high = consumer.get_watermark_offsets(position, cached=True)
        behind += max(0, high - max(position.offset, 0))
    return behind
