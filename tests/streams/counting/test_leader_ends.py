"""LeaderEnds on Apache Kafka: ends as brokers say them, for who asked; and a consumer that knows
an old end of slates alone keeps impressions back.
"""

from __future__ import annotations

import time
import uuid

import pytest
from confluent_kafka import Producer, TopicPartition

from streams.counting.consumer import ChunkConsumer, ConsumerConfig
from streams.counting.leader_ends import LeaderEnds
from streams.counting.synchronise import SETTLE_S
from tests.kafka.fleet import wait_for
from tests.streams.counting.test_synchronise import impression_value
from tests.streams.making import RULES
from tests.streams.topics_on import make_topic, produce

pytestmark = pytest.mark.kafka


def answered(subject: LeaderEnds) -> bool:
    subject.look()
    return not subject._under_way


def ask(subject: LeaderEnds, places: list[tuple[str, int]], now_s: float) -> None:
    subject.ask(places, now_s)
    wait_for("the answers", lambda: answered(subject))


def test_an_end_is_that_of_what_is_committed_and_has_the_time_of_its_question(kafka: str) -> None:
    topic = make_topic(kafka, "slates")
    produce(kafka, topic, [(0, b"k", b"{}")] * 3)
    subject = LeaderEnds({"bootstrap.servers": kafka, "log_level": 0})
    ask(subject, [(topic, 0)], 7.0)
    assert subject.found == {(topic, 0): (3, 7.0)}
    open_one = Producer({"bootstrap.servers": kafka, "transactional.id": uuid.uuid4().hex})
    open_one.init_transactions(30)
    open_one.begin_transaction()
    open_one.produce(topic, b"{}", b"k", 0)
    assert open_one.flush(30) == 0
    ask(subject, [(topic, 0)], 8.0)
    assert subject.found == {(topic, 0): (3, 8.0)}
    open_one.commit_transaction(30)

    def end() -> int:
        ask(subject, [(topic, 0)], 9.0)
        return subject.found[topic, 0][0]

    wait_for("the marker, which is a record of its own", lambda: end() == 5)


def test_a_place_without_an_answer_keeps_its_former_and_the_others_have_theirs(kafka: str) -> None:
    topic = make_topic(kafka, "slates")
    subject = LeaderEnds({"bootstrap.servers": kafka, "log_level": 0})
    gone = (f"gone-{uuid.uuid4().hex}", 0)
    subject.found[gone] = 4, 1.0
    ask(subject, [gone, (topic, 0)], 2.0)
    assert subject.found == {gone: (4, 1.0), (topic, 0): (0, 2.0)}


def test_one_question_at_a_time_and_none_of_a_former_assignment(kafka: str) -> None:
    topic = make_topic(kafka, "slates")
    subject = LeaderEnds({"bootstrap.servers": kafka, "log_level": 0})
    subject.ask([(topic, 0)], 900.0)
    under_way = subject._under_way
    subject.ask([(topic, 0)], 901.0)
    assert subject._under_way is under_way
    subject.forget()
    for future in under_way.values():
        future.result(30)
    subject.look()
    assert subject.found == {}


def test_impressions_wait_for_slates_that_the_consumer_does_not_know_of(kafka: str) -> None:
    """As while the leadership of the slates' partition moves: nothing is fetched of it, and its end
    is known from before.
    """
    slates, impressions = make_topic(kafka, "slates"), make_topic(kafka, "impressions")
    made = ChunkConsumer(
        ConsumerConfig({"bootstrap.servers": kafka, "log_level": 0}, 50, 10_000, 1000, RULES)
    )
    made.assign(
        1,
        {impressions: "impressions", slates: "slates"},
        {(impressions, 0): 0, (slates, 0): 0},
        {impressions: slates},
        {},
    )
    came: list[str] = []

    def read() -> list[str]:
        came.extend(chunk.topic for chunk in made.read().chunks)
        return came

    produce(kafka, impressions, [(0, b"k", impression_value(0))])
    wait_for("an impression of a slate that nobody made", lambda: read() == [impressions])
    made._consumer.pause([TopicPartition(slates, 0)])
    produce(kafka, slates, [(0, b"k", b"{}")])
    produce(kafka, impressions, [(0, b"k", impression_value(1))])
    until_s = time.monotonic() + 10 * SETTLE_S
    while time.monotonic() < until_s:
        assert read() == [impressions]
    made._consumer.resume([TopicPartition(slates, 0)])
    wait_for("the slate, then its impression", lambda: len(read()) == 3)
    made.close()
    assert came == [impressions, slates, impressions]
