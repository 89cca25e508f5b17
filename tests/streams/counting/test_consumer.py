"""Errors among records: those that pass by themselves are passed over, all others end the reading
with what is missing named.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from streams.counting.consumer import _good


def failed(code: int, *, fatal: bool = False) -> Any:
    return SimpleNamespace(error=lambda: KafkaError(code, fatal=fatal), topic=lambda: "impressions")


@pytest.mark.parametrize(
    "code",
    [
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TRANSPORT,
        KafkaError._AUTHENTICATION,  # once, when a token is renewed
        KafkaError.NOT_LEADER_FOR_PARTITION,
    ],
)
def test_what_passes_by_itself_is_no_record_and_no_end(code: int) -> None:
    assert not _good(failed(code), "g")


def test_a_record_is_good() -> None:
    assert _good(SimpleNamespace(error=lambda: None), "g")


def test_a_missing_right_and_a_fatal_error_end_the_reading() -> None:
    with pytest.raises(KafkaException, match="topic impressions"):
        _good(failed(KafkaError.TOPIC_AUTHORIZATION_FAILED), "g")
    with pytest.raises(KafkaException):
        _good(failed(KafkaError._TRANSPORT, fatal=True), "g")
