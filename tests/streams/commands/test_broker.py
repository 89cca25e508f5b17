"""`broker`: ready when it says so, and a clean end on SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys

import pytest
from confluent_kafka.admin import AdminClient

from streams.kafka.embedded_broker import ENVIRONMENT


@pytest.mark.local
def test_the_printed_address_answers_and_sigterm_ends_it_with_0() -> None:
    env = {**os.environ, "KAFKA_BOOTSTRAP_SERVERS": "elsewhere:9092"}
    command = [sys.executable, "-m", "streams", "broker", "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        said = json.loads(process.stdout.readline())
        assert said["environment"] == ENVIRONMENT
        admin = AdminClient({"bootstrap.servers": said["bootstrap"], "log_level": 0})
        assert len(admin.list_topics(timeout=5).brokers) == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert "KAFKA_BOOTSTRAP_SERVERS=elsewhere:9092 is set" in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()
