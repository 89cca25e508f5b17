"""The first connection: an answer, or one sentence within the time given."""

from __future__ import annotations

import time

import pytest

from streams.config import load_settings
from streams.kafka.client import BrokerUnreachable, connect


def test_silence_is_an_error_within_the_time_given() -> None:
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    start = time.monotonic()
    with pytest.raises(
        BrokerUnreachable,
        match=r"expected a Kafka broker at 127\.0\.0\.1:1 \(PLAINTEXT\), found no usable",
    ):
        connect(settings, timeout_s=0.3)
    assert time.monotonic() - start < 5


@pytest.mark.local
def test_an_answer_gives_a_client_that_works(local_broker: str) -> None:
    admin = connect(load_settings({"KAFKA_BOOTSTRAP_SERVERS": local_broker}))
    assert len(admin.list_topics(timeout=5).brokers) == 1
