"""The partitioner is that of librdkafka, and so Java's: the same keys in the same partitions."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Producer

from streams.contract.partitioner import murmur2, partition_of
from tests.streams.topics_on import make_topic


def test_hashes_are_those_of_kafkas_own_test() -> None:
    """org.apache.kafka.common.utils.UtilsTest.testMurmur2, as unsigned numbers."""
    expected = {
        b"21": -973932308,
        b"foobar": -790332482,
        b"a-little-bit-long-string": -985981536,
        b"a-little-bit-longer-string": -1486304829,
        b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
        b"abc": 479470107,
    }
    assert {key: murmur2(key) for key in expected} == {
        key: value % 2**32 for key, value in expected.items()
    }


@pytest.mark.local
def test_records_fall_where_it_says(local_broker: str) -> None:
    topic = make_topic(local_broker, partitions=7)
    producer = Producer({"bootstrap.servers": local_broker, "partitioner": "murmur2_random"})
    found: dict[str, int] = {}

    def delivered(_error: object, message: object) -> None:
        found[message.key().decode()] = message.partition()  # type: ignore[attr-defined]

    for number in range(100):
        key = "ü" * (number % 5) + str(uuid.uuid4())[: number % 30 + 1]
        producer.produce(topic, b"", key.encode(), on_delivery=delivered)
    assert producer.flush(20) == 0
    assert found == {key: partition_of(key, 7) for key in found}
