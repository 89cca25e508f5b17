"""Wrong settings at a broker with security: each is a line of its own, with the reason and what to
do; on Apache Kafka with every kind of listener.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams import cli
from streams.config import load_settings
from streams.kafka.client import connect
from tests.secured import DOORS, SecuredCluster

pytestmark = pytest.mark.kafka
PROTOCOL, USER = "KAFKA_SECURITY_PROTOCOL", "KAFKA_SASL_USERNAME"
CA, CERTIFICATE, KEY = "KAFKA_SSL_CAFILE", "KAFKA_SSL_CERTFILE", "KAFKA_SSL_KEYFILE"


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.kafka.client.connect.__defaults__", (2.0,))


@pytest.mark.parametrize("door", [name for name in DOORS if name not in ("SCRAM", "OAUTH")])
def test_the_right_settings_open_every_door(secured: SecuredCluster, door: str) -> None:
    connect(load_settings(secured.settings_at(door)))


@pytest.mark.parametrize(
    ("door", "wrong", "found", "remedy"),
    [
        (
            "PLAIN",
            {"KAFKA_SASL_PASSWORD": "open-sesame"},
            "Authentication failed: Invalid username or password",
            "set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        ),
        (
            "PLAINTLS",
            {"KAFKA_SASL_PASSWORD": "open-sesame"},
            "Authentication failed: Invalid username or password",
            "set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        ),
        (
            "SCRAM",
            {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
            "invalid credentials with SASL mechanism SCRAM-SHA-256",
            "set KAFKA_SASL_USERNAME and KAFKA_SASL_PASSWORD",
        ),
        (
            "PLAIN",
            {"KAFKA_SASL_MECHANISM": "SCRAM-SHA-256"},
            "broker's supported mechanisms: PLAIN",
            "set KAFKA_SASL_MECHANISM",
        ),
        ("TLS", {CA: "other/ca.pem"}, "certificate verify failed", f"set {CA}"),
        ("MTLS", {CERTIFICATE: "", KEY: ""}, "alert bad certificate", f"set {CERTIFICATE}"),
        (
            "MTLS",
            {CERTIFICATE: "other/client.pem", KEY: "other/client.key"},
            "alert bad certificate",
            f"set {CERTIFICATE}",
        ),
        ("TLS", {PROTOCOL: "PLAINTEXT"}, "speaks TLS", f"set {PROTOCOL}=SSL"),
        ("PLAINTLS", {PROTOCOL: "SASL_PLAINTEXT"}, "speaks TLS", f"set {PROTOCOL}=SASL_SSL"),
        (
            "PLAIN",
            {PROTOCOL: "PLAINTEXT"},
            "connections end without an answer",
            f"check {PROTOCOL} (a port that wants a login does that)",
        ),
    ],
)
def test_each_wrong_setting_is_one_line_of_its_own(
    secured: SecuredCluster,
    capsys: pytest.CaptureFixture[str],
    door: str,
    wrong: dict[str, str],
    found: str,
    remedy: str,
) -> None:
    environ = secured.settings_at(door) | wrong
    for name, value in wrong.items():
        if value.startswith("other/"):
            environ[name] = str(secured.directory / value)
    assert cli.main(["topics", "check"], environ) == 1
    line = capsys.readouterr().err
    assert line.count("\n") == 1
    assert line.startswith(f"slatestream: expected a Kafka broker at {secured.door(door)} (")
    assert found in line.partition("; ")[0]
    assert remedy in line.partition("; ")[2]
    assert "secret" not in line
    assert "sesame" not in line


@pytest.mark.parametrize(
    ("door", "remedy"),
    [("TLS", "the port does not speak TLS"), ("PLAIN", "the broker wants no login there")],
)
def test_security_at_the_plain_door_is_said_too(
    secured: SecuredCluster, capsys: pytest.CaptureFixture[str], door: str, remedy: str
) -> None:
    environ = secured.settings_at(door) | {"KAFKA_BOOTSTRAP_SERVERS": secured.bootstrap}
    assert cli.main(["topics", "check"], environ) == 1
    assert remedy in capsys.readouterr().err


def test_doctor_says_the_same_reason_in_its_table(
    secured: SecuredCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = secured.settings_at("PLAIN") | {
        "KAFKA_SASL_PASSWORD": "no",
        "SLATESTREAM_DATA_DIR": str(tmp_path),
    }
    assert cli.main(["doctor", "--json"], environ) == 1
    found = {line["check"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert "Invalid username or password" in found["broker"]["found"]
    assert found["broker"]["remedy"].startswith("set KAFKA_SASL_USERNAME")
    assert found["disk"]["status"] == "good"
