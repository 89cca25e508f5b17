"""`doctor`: each fault is found, named and given a remedy."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import NoReturn

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from streams import cli
from streams.commands import checks_here, checks_there, examine
from streams.commands.findings import BAD, CARE, GOOD, Finding
from streams.config import load_settings
from streams.kafka.producer import EventSender


def local(environ: dict[str, str]) -> dict[str, Finding]:
    settings = load_settings(environ)
    return {finding.check: finding for check in examine.LOCAL_CHECKS for finding in check(settings)}


def test_a_sound_configuration_is_good_and_secrets_stay_unsaid(tmp_path: Path) -> None:
    found = local(
        {"SLATESTREAM_DATA_DIR": str(tmp_path / "new"), "SLATESTREAM_HTTP_TOKEN": "sesame"}
    )
    assert {finding.status for finding in found.values()} == {GOOD}
    assert "SLATESTREAM_HTTP_TOKEN=(secret)" in found["settings"].found
    assert "sesame" not in str(found)
    assert not (tmp_path / "new").exists()


def test_a_policy_file_that_is_missing_or_broken_is_bad(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    assert local({"SLATESTREAM_POLICY_FILE": str(file)})["policy file"].status == BAD
    file.write_text("no_such_key = 1\n")
    found = local({"SLATESTREAM_POLICY_FILE": str(file)})["policy file"]
    assert found.status == BAD
    assert "no_such_key" in found.found


def test_a_full_disk_is_bad(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(checks_here, "LEAST_FREE_BYTES", 1 << 60)
    found = local({"SLATESTREAM_DATA_DIR": str(tmp_path)})["disk"]
    assert (found.status, found.remedy[:15]) == (BAD, "free some space")


def test_a_data_directory_under_a_file_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = local({"SLATESTREAM_DATA_DIR": str(tmp_path / "file" / "data")})["disk"]
    assert (found.status, "cannot be written" in found.found) == (BAD, True)


def test_without_a_broker_the_rest_is_said_not_to_be_seen(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("streams.kafka.client.connect.__defaults__", (0.3,))
    assert cli.main(["doctor", "--json"], {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"}) == 1
    found = {line["check"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert found["broker"]["status"] == BAD
    assert found["broker"]["remedy"].startswith("start one")
    assert (
        found["topics, partitions, group, rights, events, releases"]["found"]
        == "not looked at: no broker"
    )


def test_a_certificate_file_that_is_missing_is_a_finding_and_the_rest_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    environ = {
        "KAFKA_SECURITY_PROTOCOL": "SSL",
        "KAFKA_SSL_CAFILE": str(tmp_path / "ca.pem"),
        "SLATESTREAM_DATA_DIR": str(tmp_path),
    }
    assert cli.main(["doctor", "--json"], environ) == 1
    found = {line["check"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert found["broker"]["status"] == BAD
    assert found["broker"]["found"].startswith("KAFKA_SSL_CAFILE: expected a file of PEM")
    assert found["disk"]["status"] == GOOD


@pytest.mark.local
def test_a_check_that_raises_is_a_finding_and_the_others_go_on(
    local_broker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> NoReturn:
        raise KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))

    def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setattr(checks_there, "differences", refused)
    monkeypatch.setattr(checks_here.shutil, "disk_usage", broken)
    settings = load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": local_broker, "SLATESTREAM_DATA_DIR": str(tmp_path)}
    )
    found = {finding.check: finding for finding in examine.examine(settings)}
    assert (found["topics"].status, found["topics"].remedy[:12]) == (BAD, "see the ACLs")
    assert (found["disk"].status, found["disk"].found) == (BAD, "ZeroDivisionError")
    assert {"settings", "policy file", "broker", "partitions", "group", "releases"} <= set(found)


@pytest.mark.local
def test_topics_partitions_group_and_releases_are_judged_on_a_broker(
    local_broker: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    prefix = f"{uuid.uuid4().hex}."
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "SLATESTREAM_TOPIC_PREFIX": prefix,
        "SLATESTREAM_TOPIC_PARTITIONS": "2",
        "SLATESTREAM_DATA_DIR": str(tmp_path),
        "SLATESTREAM_RELEASES_DIR": str(tmp_path),
        "SLATESTREAM_GROUP": prefix,
    }

    def statuses() -> dict[str, str]:
        cli.main(["doctor", "--json"], env)
        return {
            each["check"]: each["status"]
            for each in map(json.loads, capsys.readouterr().out.splitlines())
        }

    before = statuses()
    assert (before["broker"], before["topics"], before["partitions"], before["releases"]) == (
        GOOD,
        BAD,
        BAD,
        CARE,
    )
    assert cli.main(["topics", "create"], env) == 0
    capsys.readouterr()
    after = statuses()
    assert (after["topics"], after["partitions"], after["group"], after["releases"]) == (
        GOOD,
        GOOD,
        CARE,
        GOOD,
    )
    release = {
        "version": "v",
        "dim": 4,
        "items": 1,
        "artifact": "v",
        "sha256": "0",
        "created_s": 1.0,
        "metrics": {},
    }
    sender = EventSender({"bootstrap.servers": local_broker})
    sender.send(f"{prefix}encoder-releases", b"v", json.dumps(release).encode())
    sender.flush()
    assert statuses()["releases"] == GOOD  # not here: a serving process reads it from Kafka
    (tmp_path / "v").mkdir()
    assert statuses()["releases"] == CARE  # here, and broken


@pytest.mark.local
def test_unequal_partitions_are_bad_even_where_that_many_were_asked_for(local_broker: str) -> None:
    prefix = f"{uuid.uuid4().hex}."
    admin = AdminClient({"bootstrap.servers": local_broker})
    counts = {f"{prefix}impressions": 2, f"{prefix}clicks": 3, f"{prefix}slate-requests": 2}
    counts[f"{prefix}slates"] = 2
    for future in admin.create_topics(
        [NewTopic(name, count, 1) for name, count in counts.items()]
    ).values():
        future.result(10)
    settings = load_settings(
        {"KAFKA_BOOTSTRAP_SERVERS": local_broker, "SLATESTREAM_TOPIC_PREFIX": prefix}
    )
    (found,) = checks_there.check_partitions(settings, admin)
    assert (found.status, f"{prefix}clicks 3" in found.found, found.remedy[:14]) == (
        BAD,
        True,
        "add partitions",
    )
