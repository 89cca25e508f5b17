"""Replies go out at once, and nobody may commit past one that was not delivered."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError

from streams.kafka.transaction import CommitAborted
from streams.serving import replies as replies_module
from streams.serving.replies import Replies
from tests.streams.topics_on import make_topic, read_all


@pytest.mark.local
def test_after_the_wait_every_reply_is_in_the_topic_once_and_in_order(local_broker: str) -> None:
    topic = make_topic(local_broker, "slates")
    replies = Replies({"bootstrap.servers": local_broker})
    for number in range(200):
        replies.send(topic, b"u", b"%d" % number)
    replies.wait()
    assert [record.value() for record in read_all(local_broker, topic, 200)] == [
        b"%d" % number for number in range(200)
    ]


def test_without_replies_there_is_nothing_to_wait_for() -> None:
    Replies({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}).wait()


def test_a_lost_reply_undoes_the_flush_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker: the delivery times out. Then the request is answered again, and that answer is on
    its own.
    """
    monkeypatch.setattr(replies_module, "DELIVERY_TIMEOUT_S", 1.5)  # the client looks once a second
    replies = Replies({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    replies.send("slates", b"u", b"x")
    with pytest.raises(CommitAborted, match="replies were not delivered"):
        replies.wait()
    replies.wait()


def test_replies_sent_while_waiting_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    replies = Replies({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})

    class Producer:
        """Delivers the oldest record at each poll, and a new one is sent meanwhile."""

        def __init__(self) -> None:
            self.waiting: list[Any] = []

        def produce(self, _topic: str, _value: bytes, _key: bytes | None, on_delivery: Any) -> None:
            self.waiting.append(on_delivery)

        def poll(self, timeout_s: float) -> None:
            if timeout_s:
                self.waiting.pop(0)(None, None)
                replies.send("slates", b"u", b"later")

    monkeypatch.setattr(replies, "_producer", Producer())
    for _ in range(3):
        replies.send("slates", b"u", b"x")
    replies.wait()
    assert len(replies._waiting) == 3


def test_an_error_of_a_delivery_is_told_to_the_next_wait() -> None:
    replies = Replies({"bootstrap.servers": "127.0.0.1:1", "log_level": 0})
    replies._delivered(1, KafkaError(KafkaError.MSG_SIZE_TOO_LARGE), None)
    with pytest.raises(CommitAborted, match="Message size too large"):
        replies.wait()
