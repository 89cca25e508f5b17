"""A tail reads whole topics, knows when it has caught up, and goes on."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaException, Message, Producer

from streams.kafka.topic_follower import TopicFollower
from tests.streams.topics_on import make_topic, produce, until

pytestmark = pytest.mark.local


def drain(follower: TopicFollower) -> list[Message]:
    found: list[Message] = []

    def ended() -> bool:
        found.extend(follower.read())
        return follower.at_end()

    until(ended)
    return found


def test_all_partitions_are_read_from_the_beginning_to_the_end(local_broker: str) -> None:
    topic = make_topic(local_broker, partitions=3)
    produce(local_broker, topic, [(number % 3, b"k", b"%d" % number) for number in range(30)])
    follower = TopicFollower({"bootstrap.servers": local_broker}, [topic])
    follower.open()
    assert not follower.at_end()
    assert sorted(int(record.value() or b"") for record in drain(follower)) == list(range(30))
    assert follower.lag() == 0
    follower.close()


def test_empty_topics_are_read_to_their_end_at_once(local_broker: str) -> None:
    follower = TopicFollower(
        {"bootstrap.servers": local_broker}, [make_topic(local_broker), make_topic(local_broker)]
    )
    follower.open()
    assert follower.at_end()
    follower.close()


def test_a_topic_that_does_not_exist_is_an_error(local_broker: str) -> None:
    with pytest.raises(KafkaException):
        TopicFollower({"bootstrap.servers": local_broker}, ["no-such-topic"]).open()


def test_reading_before_opening_is_an_error(local_broker: str) -> None:
    follower = TopicFollower({"bootstrap.servers": local_broker}, ["t"])
    with pytest.raises(RuntimeError, match="not open"):
        follower.read()
    assert follower.lag() == 0


@pytest.mark.kafka
def test_what_was_committed_behind_an_open_transaction_is_part_of_the_whole(kafka: str) -> None:
    """A stopped worker's transaction hid the flushes of its successor from `stats export`."""
    topic = make_topic(kafka)
    stopped, successor = (
        Producer({"bootstrap.servers": kafka, "transactional.id": f"{topic}-{name}"})
        for name in "ab"
    )
    for producer, value in ((stopped, b"never"), (successor, b"counted")):
        producer.init_transactions(20)
        producer.begin_transaction()
        producer.produce(topic, value, b"k", 0)
        assert producer.flush(20) == 0
    successor.commit_transaction(20)
    follower = TopicFollower({"bootstrap.servers": kafka}, [topic], undecided=True)
    follower.open()
    assert not follower.read(1.0)
    assert not follower.at_end()
    stopped.abort_transaction(20)
    assert [record.value() for record in drain(follower)] == [b"counted"]
    follower.close()
