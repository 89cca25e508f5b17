"""The first connection: an answer, or one sentence within the time given."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from confluent_kafka import KafkaError

from streams.config import load_settings
from streams.kafka.client import BrokerUnreachable, connect, consuming, explain, said

ROOT = Path(__file__).parents[3]


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


GROUP = re.compile(r"\"group\.id\"(?!\])")
MADE_IN = {
    "config.py",
    "client.py",
    "transaction.py",
    "consumer_config.py",
    "kafka_log.py",
    "publish.py",
}


def test_no_client_is_of_a_group_of_its_own() -> None:
    """A hard-coded group would need a right that no table of ACLs has."""
    client = load_settings({"SLATESTREAM_TOPIC_PREFIX": "shop.", "SLATESTREAM_GROUP": "g"})
    assert consuming(client.kafka_client())["group.id"] == "shop.g"
    named = {
        path.name
        for package in ("streams", "encoder")
        for path in (ROOT / package).rglob("*.py")
        if GROUP.search(path.read_text())
    }
    assert named <= MADE_IN


def test_a_reason_is_said_without_what_stands_around_it() -> None:
    error = KafkaError(
        KafkaError._AUTHENTICATION,
        "sasl_ssl://b:9/bootstrap: SASL authentication error: Authentication failed: wrong (after "
        "302ms in state AUTH_REQ)",
    )
    assert said(error) == "SASL authentication error: Authentication failed: wrong"


def test_the_last_telling_reason_decides_and_all_brokers_down_tells_nothing() -> None:
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    down = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
    refused = KafkaError(KafkaError._TRANSPORT, "x/bootstrap: Connection refused")
    assert explain(settings, [refused, down]).found == "Connection refused"
    assert explain(settings, [down]).found == "connections end without an answer"


def test_a_reason_with_a_remedy_counts_for_more_than_how_the_connection_ended() -> None:
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"})
    wrong = KafkaError(KafkaError._AUTHENTICATION, "x/bootstrap: Authentication failed: wrong")
    ended = KafkaError(KafkaError._TRANSPORT, "x/bootstrap: Disconnected")
    assert explain(settings, [wrong, ended]).found == "Authentication failed: wrong"


@pytest.mark.local
def test_a_plain_port_that_closes_a_tls_connection_somehow_is_asked_itself(
    local_broker: str,
) -> None:
    settings = load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": local_broker, "KAFKA_SECURITY_PROTOCOL": "SSL"}
    )
    closed = KafkaError(
        KafkaError._TRANSPORT, "x/bootstrap: Disconnected: SSL connection closed by peer"
    )
    reason = explain(settings, [closed])
    assert reason.found == f"{local_broker} does not speak TLS"
    assert "set KAFKA_SECURITY_PROTOCOL to PLAINTEXT" in reason.remedy
