"""Producing: keys as the contract says, checks before sending, nothing lost in silence."""

from __future__ import annotations

import json
import os
import uuid

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from streams.config import load_settings
from streams.contract.events import EventError
from streams.contract.topics import TOPICS
from streams.kafka.producer import KINDS, EventSender, key_of
from streams.kafka.topic_reader import TopicReader

EVENTS = {
    "items": {"item_id": "i1"},
    "impressions": {
        "slate_id": "s",
        "user_id": "u1",
        "item_id": "i1",
        "position": 0,
        "ts": 1_000_000_001.0,
    },
    "clicks": {"slate_id": "s", "user_id": "u1", "item_id": "i1", "ts": 1_000_000_001.0},
    "slate-requests": {"request_id": "r", "user_id": "u1", "ts": 1_000_000_001.0},
}


def test_every_topic_that_users_write_can_be_produced_to() -> None:
    assert set(KINDS) == {topic.name for topic in TOPICS if topic.written_by == "user"}
    assert {topic.name: topic.key for topic in TOPICS if topic.written_by == "user"} == {
        n: k.key for n, k in KINDS.items()
    }


@pytest.mark.parametrize("topic", list(KINDS))
def test_the_key_is_the_field_of_the_contract(topic: str) -> None:
    value = json.dumps(EVENTS[topic]).encode()
    expected = b"i1" if topic == "items" else b"u1"
    assert key_of(topic, value) == key_of(topic, value, checked=False) == expected


@pytest.mark.parametrize(
    "value", [b"{", b"[]", b'{"item_id": 3}', b'{"item_id": ""}', b"\xff", b"null"]
)
def test_what_a_worker_would_refuse_is_refused_here_and_unchecked_it_goes_without_a_key(
    value: bytes,
) -> None:
    with pytest.raises(EventError):
        key_of("items", value)
    assert key_of("items", value, checked=False) in (None, b"")


@pytest.mark.kafka
def test_equal_keys_meet_in_the_partition_that_java_clients_choose(kafka: str) -> None:
    """Java's murmur2 of b"21" is -973932308 (a vector of its own tests): & 0x7fffffff = 1173551340,
    % 8 = 4.
    """
    topic = uuid.uuid4().hex
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 8, 1)])[topic].result(20)
    client = load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka}).kafka_client()
    sender = EventSender(client)
    for _ in range(3):
        sender.send(topic, b"21", b"x")
    sender.flush()
    assert sender.sent == 3
    with TopicReader(client, topic) as reader:
        assert [message.partition() for message in reader.until_end()] == [4, 4, 4]


@pytest.mark.kafka
def test_an_event_that_the_broker_refuses_is_an_error_of_the_sender(kafka: str) -> None:
    topic = uuid.uuid4().hex
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, 1, config={"max.message.bytes": "1000"})])[
        topic
    ].result(20)
    sender = EventSender(load_settings({"KAFKA_BOOTSTRAP_SERVERS": kafka}).kafka_client())
    sender.send(topic, b"k", os.urandom(20_000))
    with pytest.raises(KafkaException, match="MSG_SIZE_TOO_LARGE"):
        sender.flush()


def test_events_that_nobody_acknowledges_are_counted_in_the_error() -> None:
    sender = EventSender({"bootstrap.servers": "127.0.0.1:1"})
    sender.send("t", b"k", b"v")
    with pytest.raises(KafkaException, match=r"1 events were not acknowledged within 0\.2 s"):
        sender.flush(0.2)
    sender.producer.purge()
