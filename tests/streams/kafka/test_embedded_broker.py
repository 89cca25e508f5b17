"""The embedded broker: ready when it says so, gone when stopped, plain about what went wrong."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.kafka import embedded_broker as broker_module
from streams.kafka.embedded_broker import BrokerError, EmbeddedBroker, free_port

pytestmark = pytest.mark.local


def test_a_record_comes_back_and_stop_leaves_no_process_and_no_files() -> None:
    with EmbeddedBroker() as broker:
        admin = AdminClient({"bootstrap.servers": broker.bootstrap})
        admin.create_topics([NewTopic("t", 1, 1)])["t"].result(10)
        producer = Producer({"bootstrap.servers": broker.bootstrap})
        producer.produce("t", b"hello")
        assert producer.flush(10) == 0
        consumer = Consumer({"bootstrap.servers": broker.bootstrap, "group.id": "g"})
        consumer.assign([TopicPartition("t", 0, 0)])
        (message,) = consumer.consume(1, timeout=10)
        assert message.value() == b"hello"
        consumer.close()
        process, directory = broker.process, broker.directory
    assert process is not None
    assert process.returncode is not None
    assert directory is not None
    assert not directory.exists()


def test_a_taken_port_is_an_error_that_names_the_log_and_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        broker = EmbeddedBroker(taken.getsockname()[1])
        with pytest.raises(
            BrokerError, match=r"expected the embedded broker to answer .* its log is "
        ):
            broker.start()
    assert broker.log is not None
    assert "Address in use" in broker.log.read_text()
    assert not broker.running()


def test_a_free_port_is_the_wanted_one_unless_it_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port(port) != port
    assert free_port(port) == port


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker_module, "available", lambda: False)
    with pytest.raises(BrokerError, match=r"install slatestream\[local\]"):
        broker_module.binary()


def test_the_executable_is_the_one_in_the_package() -> None:
    assert os.access(broker_module.binary(), os.X_OK)
