"""Requests whose offsets were not committed, though their slates are there, are answered once."""

from __future__ import annotations

import signal
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, TopicPartition

from streams.kafka.names import serving_group
from tests.kafka.fleet import Fleet, wait_for
from tests.kafka.test_serving import PARTITIONS, Shop

pytestmark = pytest.mark.kafka


def test_a_process_that_gets_a_partition_answers_only_what_nobody_has_answered(
    make_fleet: Callable[..., Fleet],
) -> None:
    """As after a coordinator that took no offsets for a while: these are set back to the start."""
    fleet = make_fleet(1, PARTITIONS, serving=1)
    shop, (serving,) = Shop(fleet), fleet.serving
    fleet.start(fleet.workers[0])
    shop.describe()
    fleet.serve(serving)
    answered = [f"a{number}-{uuid.uuid4().hex}" for number in range(60)]
    shop.ask(answered)
    shop.wait_answered(answered)
    serving.signal(signal.SIGTERM)
    wait_for("the process to leave", lambda: serving.status is not None)
    member = Consumer(
        {"bootstrap.servers": fleet.bootstrap, "group.id": serving_group(fleet.settings)}
    )
    topic = fleet.names.slate_requests
    member.commit(
        offsets=[TopicPartition(topic, number, 0) for number in range(PARTITIONS)],
        asynchronous=False,
    )
    member.close()
    new = [f"n{number}-{uuid.uuid4().hex}" for number in range(20)]
    shop.ask(new)
    fleet.serve(serving)
    shop.wait_answered(new)
    ends = {(record.partition(), record.offset()) for record in shop.records("slate-requests")}
    behind = {(topic, number): 0 for number in range(PARTITIONS)}
    for number, offset in ends:
        behind[topic, number] = max(behind[topic, number], offset + 1)
    wait_for("the offsets to be committed", lambda: fleet.read(behind))
    assert set(shop.answers().values()) == {1}
    assert len(shop.answers()) == 80
