"""Topics, records and consumers on a broker, for the tests of the engine's edges."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import Callable, Iterable

from confluent_kafka import Consumer as KafkaConsumer
from confluent_kafka import Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

_numbers = itertools.count()


def make_topic(bootstrap: str, name: str = "t", partitions: int = 1) -> str:
    """A topic that nobody else uses."""
    full = f"{name}-{next(_numbers)}-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": bootstrap})  # kept until the answer is there
    admin.create_topics([NewTopic(full, partitions, 1)])[full].result(20)
    return full


def produce(
    bootstrap: str, topic: str, records: Iterable[tuple[int, bytes | None, bytes | None]]
) -> None:
    """(partition, key, value) each, in order.

    Each in a batch of its own: the embedded broker names as the end of a partition the start of its
    last batch plus one.
    """
    producer = Producer({"bootstrap.servers": bootstrap, "batch.num.messages": 1})
    for partition, key, value in records:
        producer.produce(topic, value, key, partition)
    assert producer.flush(20) == 0


def read_all(
    bootstrap: str, topic: str, count: int, partition: int = 0, timeout_s: float = 20.0
) -> list[Message]:
    """The first `count` committed records of a partition."""
    consumer = KafkaConsumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "isolation.level": "read_committed"}
    )
    consumer.assign([TopicPartition(topic, partition, 0)])
    found: list[Message] = []
    end = time.monotonic() + timeout_s
    while len(found) < count and time.monotonic() < end:
        found += [
            record for record in consumer.consume(count - len(found), 0.2) if record.error() is None
        ]
    consumer.close()
    return found


def until(done: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Wait, and fail loudly when it takes too long."""
    end = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < end, "this should have come to pass by now"
        time.sleep(0.05)
