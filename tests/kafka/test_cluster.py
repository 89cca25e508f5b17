"""The test cluster itself: what the chaos tests lean on."""

from __future__ import annotations

import socket
import uuid
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from tests.cluster import Cluster, ClusterError, missing

pytestmark = pytest.mark.kafka


def produce_one(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0})
    producer.produce(topic, value)
    assert producer.flush(20) == 0


def read(bootstrap: str, topic: str, count: int) -> list[bytes]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": str(uuid.uuid4()),
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    consumer.subscribe([topic])
    values = [message.value() or b"" for message in consumer.consume(count, timeout=30)]
    consumer.close()
    return values


def test_data_survive_kill_and_restart_on_the_same_port(kafka_directory: Path) -> None:
    with Cluster(kafka_directory) as cluster:
        admin = AdminClient({"bootstrap.servers": cluster.bootstrap})
        admin.create_topics([NewTopic("t", 1, 1)])["t"].result(20)
        produce_one(cluster.bootstrap, "t", b"before")
        before = cluster.bootstrap
        cluster.kill()
        cluster.restart()
        assert cluster.bootstrap == before
        produce_one(cluster.bootstrap, "t", b"after")
        assert read(cluster.bootstrap, "t", 2) == [b"before", b"after"]
        cluster.close()
        cluster.start()
        assert read(cluster.bootstrap, "t", 2) == [b"before", b"after"]
    assert not kafka_directory.exists()


def test_a_broker_that_does_not_start_says_why(kafka_directory: Path) -> None:
    cluster = Cluster(kafka_directory, settings={"num.io.threads": "none"})
    with pytest.raises(ClusterError, match=r"num\.io\.threads"):
        cluster.start()


def test_a_port_that_somebody_took_is_exchanged(kafka_directory: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        cluster = Cluster(kafka_directory)
        cluster.client_ports[1] = taken.getsockname()[1]
        with cluster:
            assert cluster.client_ports[1] != taken.getsockname()[1]


def test_missing_names_what_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    assert missing() == f"KAFKA_HOME={tmp_path} holds no libs/kafka-clients-*.jar"
    monkeypatch.delenv("KAFKA_HOME")
    assert "KAFKA_HOME is not set" in (missing() or "")
