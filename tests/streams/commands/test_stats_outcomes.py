"""`stats outcomes`: what became of slates by variant, from the changelog."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streams import cli
from streams.config import load_settings
from streams.contract.outcome_rows import (
    SLATES_KIND,
    OutcomeKey,
    encode_outcome,
    encode_outcome_key,
)
from streams.kafka.names import changelog_topics
from streams.kafka.producer import EventSender


@pytest.mark.local
def test_outcomes_are_tables_or_lines_and_nothing_yet_is_no_failure(
    local_broker: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[variants.hold]\nkind = "holdback"\nshare = 0.5\n')
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "SLATESTREAM_GROUP": uuid.uuid4().hex,
        "SLATESTREAM_POLICY_FILE": str(policy),
    }
    assert cli.main(["stats", "outcomes"], env) == 0
    assert "no outcomes yet" in capsys.readouterr().err
    topic = changelog_topics(load_settings(env))[0]
    admin = AdminClient({"bootstrap.servers": local_broker})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(10)
    sender, hour = EventSender({"bootstrap.servers": local_broker}), int(time.time() // 3600)
    for variant, clicks in (("base", 400.0), ("hold", 300.0)):
        sums = [1100.0, 1000.0, clicks, 3000.0, clicks, 0.0, 0.0, 9000.0, clicks, 0.0, 0.0]
        key = encode_outcome_key(OutcomeKey(SLATES_KIND, hour, (variant, "p1", 0)))
        sender.send(topic, key, encode_outcome([*sums, 3 * clicks]))
    sender.flush()
    asked = ["stats", "outcomes", "--unit", "slates"]
    assert cli.main(asked, env) == 0
    shown = capsys.readouterr().out
    assert "variants against hold" in shown
    assert "+33.3% (+18." in shown
    assert cli.main([*asked, "--json"], env) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    parts = [line["part"] for line in lines]
    assert (parts.count("variants"), parts.count("hours")) == (2, 2)
    assert cli.main(["stats", "outcomes", "--hours", "0"], env) == 2
