"""Reading a whole topic: from its start, from its end, past aborted transactions."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from streams.kafka.admin import TopicsError
from streams.kafka.topic_reader import TopicReader


def make_topic(bootstrap: str, partitions: int = 3) -> str:
    topic = uuid.uuid4().hex
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)
    return topic


def produce(bootstrap: str, topic: str, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for number, value in enumerate(values):
        producer.produce(topic, value, partition=number % 3)
    assert producer.flush(20) == 0


def read_both_ways(bootstrap: str) -> list[bytes]:
    """What a reader from the end saw of one record that came after 2,500 others."""
    client, topic = {"bootstrap.servers": bootstrap}, make_topic(bootstrap)
    with TopicReader(client, topic) as empty:
        assert list(empty.until_end()) == []
    values = [str(number).encode() for number in range(2500)]
    produce(bootstrap, topic, values)
    with TopicReader(client, topic, from_end=True) as late, TopicReader(client, topic) as early:
        produce(bootstrap, topic, [b"new"])
        seen = [message.value() or b"" for message in late.until_end()]
        assert sorted(message.value() or b"" for message in early.until_end()) == sorted(
            [*values, b"new"]
        )
    return seen


@pytest.mark.local
def test_start_and_end_on_the_embedded_broker(local_broker: str) -> None:
    assert b"new" in read_both_ways(local_broker)


@pytest.mark.kafka
def test_start_and_end_on_apache_kafka(kafka: str) -> None:
    assert read_both_ways(kafka) == [b"new"]


@pytest.mark.kafka
def test_aborted_records_are_skipped_and_control_records_do_not_hold_the_end_back(
    kafka: str,
) -> None:
    topic = make_topic(kafka)
    producer = Producer({"bootstrap.servers": kafka, "transactional.id": topic})
    producer.init_transactions(20)
    for value, commit in ((b"kept", True), (b"aborted", False)):
        producer.begin_transaction()
        producer.produce(topic, value, partition=0)
        producer.flush(20)
        producer.commit_transaction(20) if commit else producer.abort_transaction(20)
    with TopicReader({"bootstrap.servers": kafka}, topic) as reader:
        assert [message.value() for message in reader.until_end()] == [b"kept"]


@pytest.mark.local
def test_a_missing_topic_is_named_with_the_command_that_makes_it(local_broker: str) -> None:
    with pytest.raises(TopicsError, match="run `slatestream topics create`"):
        TopicReader({"bootstrap.servers": local_broker}, "nobody-made-this")
