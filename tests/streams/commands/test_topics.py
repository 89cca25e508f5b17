"""`topics create|check` on a broker."""

from __future__ import annotations

import json
import uuid

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streams import cli
from streams.contract.topics import TOPICS

pytestmark = pytest.mark.local


def environ(bootstrap: str, **more: str) -> dict[str, str]:
    return {
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "SLATESTREAM_TOPIC_PREFIX": f"{uuid.uuid4().hex}.",
        "SLATESTREAM_TOPIC_PARTITIONS": "2",
        **more,
    }


def test_check_fails_until_create_has_run(
    local_broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env = environ(local_broker)
    assert cli.main(["topics", "check", "--json"], env) == 1
    before = json.loads(capsys.readouterr().out)
    assert len(before["differences"]) == len(TOPICS)
    assert cli.main(["topics", "create", "--json"], env) == 0
    made = json.loads(capsys.readouterr().out)
    assert len(made["created"]) == len(TOPICS)
    assert made["differences"] == []
    assert cli.main(["topics", "check"], env) == 0
    assert capsys.readouterr().out == "all topics are as declared, 2 partitions\n"


def test_a_topic_with_other_partitions_is_reported_and_left_alone(
    local_broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env = environ(local_broker)
    name = env["SLATESTREAM_TOPIC_PREFIX"] + "clicks"
    admin = AdminClient({"bootstrap.servers": local_broker})
    admin.create_topics([NewTopic(name, 5, 1)])[name].result(10)
    assert cli.main(["topics", "create"], env) == 1
    assert f"{name}: expected 2 partitions, found 5" in capsys.readouterr().out
    assert len(admin.list_topics(name, timeout=5).topics[name].partitions) == 5
