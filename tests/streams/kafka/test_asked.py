"""An answer of the brokers, or words."""

from __future__ import annotations

from concurrent.futures import Future

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.kafka import asked
from streams.kafka.client import BrokerUnreachable


def test_what_was_answered_is_handed_on() -> None:
    future: Future[int] = Future()
    future.set_result(3)
    assert asked.answer(future, "topic items") == 3


def test_a_refusal_comes_as_the_brokers_said_it() -> None:
    future: Future[int] = Future()
    future.set_exception(KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)))
    with pytest.raises(KafkaException, match="authorization"):
        asked.answer(future, "topic items")


def test_no_answer_is_an_error_with_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "ANSWER_TIMEOUT_S", 0.01)
    with pytest.raises(BrokerUnreachable, match=r"for topic items within 0\.01 s, found none; try"):
        asked.answer(Future(), "topic items")
