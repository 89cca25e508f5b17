"""Ranges: asked again while a topic has no leader, and only then."""

from __future__ import annotations

from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.kafka import watermarks as ranges
from streams.kafka.watermarks import measure_range


class Broker:
    """Answers with each of these in turn: an error's name, or a range."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def get_watermark_offsets(self, _place: Any, timeout: float) -> tuple[int, int]:
        answer = self.answers.pop(0)
        if isinstance(answer, int):
            raise KafkaException(KafkaError(answer))
        return answer


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "AGAIN_S", 0.001)


def test_topic_without_a_leader_is_asked_again() -> None:
    broker: Any = Broker(
        KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, (3, 8)
    )
    assert measure_range(broker, "t", 0) == (3, 8)


def test_error_that_does_not_pass_is_raised_at_once() -> None:
    broker: Any = Broker(KafkaError.TOPIC_AUTHORIZATION_FAILED, (3, 8))
    with pytest.raises(KafkaException):
        measure_range(broker, "t", 0)
    assert broker.answers == [(3, 8)]


def test_topic_that_never_has_a_leader_is_an_error_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "CALL_TIMEOUT_S", 0.02)
    broker: Any = Broker(*[KafkaError.LEADER_NOT_AVAILABLE] * 1000)
    with pytest.raises(KafkaException):
        measure_range(broker, "t", 0)
