"""`dead-letters`: what was refused is read, and what was mended goes where it was to go."""

from __future__ import annotations

import io
import json
import time
import uuid
from pathlib import Path
from typing import Any

import pytest

from streams import cli
from streams.contract.dead_letters import Place, dead_letter
from streams.kafka.producer import EventSender
from streams.kafka.topic_reader import TopicReader

pytestmark = pytest.mark.local
CLICK = {"slate_id": "s", "user_id": "anna", "item_id": "mug", "ts": time.time()}


class Shop:
    def __init__(self, bootstrap: str) -> None:
        self.prefix = f"{uuid.uuid4().hex}."
        self.client = {"bootstrap.servers": bootstrap}
        self.env = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "SLATESTREAM_TOPIC_PREFIX": self.prefix,
            "SLATESTREAM_TOPIC_PARTITIONS": "2",
        }
        assert cli.main(["topics", "create"], self.env) == 0

    def refuse(self, topic: str, value: Any, reason: str = "no good") -> None:
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        place = Place(self.prefix + topic, 1, 7)
        letter = dead_letter(place, b"anna", body, reason, 1767225600.0)
        sender = EventSender(self.client)
        sender.send(self.prefix + "dead-letters", letter.key, letter.value)
        sender.flush()

    def records(self, topic: str) -> list[tuple[bytes, Any]]:
        with TopicReader(self.client, self.prefix + topic) as reader:
            return [(each.key(), json.loads(each.value())) for each in reader.until_end()]


@pytest.fixture
def shop(local_broker: str, capsys: pytest.CaptureFixture[str]) -> Shop:
    made = Shop(local_broker)
    capsys.readouterr()
    return made


def test_letters_are_read_with_their_reasons(
    shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["dead-letters"], shop.env) == 0
    assert "no dead letters" in capsys.readouterr().err
    shop.refuse("clicks", b"{", "broken JSON")
    shop.refuse("items", {"title": "x"}, "no item_id")
    assert cli.main(["dead-letters"], shop.env) == 0
    out = capsys.readouterr().out
    assert f"2026-01-01 00:00:00 {shop.prefix}clicks 1/7, key anna: broken JSON\n    {{\n" in out
    assert cli.main(["dead-letters", "--json", "--topic", "items"], shop.env) == 0
    (found,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert (found["reason"], found["topic"]) == ("no item_id", f"{shop.prefix}items")
    assert cli.main(["dead-letters", "--last", "1"], shop.env) == 0
    assert capsys.readouterr().out.count("key anna") == 1


def test_mended_letters_are_sent_again_and_others_are_not(
    shop: Shop, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    values = {
        "clicks": CLICK,
        "impressions": {**CLICK, "position": 0},
        "items": {"item_id": "mug", "title": "Blue mug"},
        "slate-requests": {"request_id": "r", "user_id": "ben", "ts": time.time()},
    }
    for topic in values:
        shop.refuse(topic, b"{")
    shop.refuse("clicks", {**CLICK, "ts": time.time() + 1e7})
    shop.refuse("slates", b"{}")
    assert cli.main(["dead-letters", "--json"], shop.env) == 0
    letters = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for letter in letters:
        topic = letter["topic"].removeprefix(shop.prefix)
        if letter["value"] == "{":
            letter["value"] = json.dumps(values[topic])
    file = tmp_path / "letters.jsonl"
    file.write_text("\n".join(map(json.dumps, letters)))
    assert cli.main(["dead-letters", "--resend", str(file)], shop.env) == 1
    said = capsys.readouterr()
    assert "4 sent, 2 not" in said.out
    assert "SLATESTREAM_MAX_AHEAD_S" in said.err
    assert "slatestream's own" in said.err
    for topic, value in values.items():
        key = {"items": b"mug", "slate-requests": b"ben"}.get(topic, b"anna")
        assert shop.records(topic) == [(key, value)]


def test_letters_come_by_standard_input_too_and_lines_that_are_none_are_said(
    shop: Shop, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    letter = {
        "topic": f"{shop.prefix}clicks",
        "partition": 0,
        "offset": 0,
        "reason": "x",
        "key": None,
        "value": json.dumps(CLICK),
        "ts": 1.0,
    }
    for text, status in ((json.dumps(letter), 0), ('{"topic": 1}', 1)):
        stdin = io.TextIOWrapper(io.BytesIO(text.encode()))
        monkeypatch.setattr("sys.stdin", stdin)
        assert cli.main(["dead-letters", "--resend", "--json"], shop.env) == status
    said = capsys.readouterr()
    assert json.loads(said.out) == {"sent": 1, "refused": 0}
    assert "line 1: expected a dead letter" in said.err


@pytest.mark.parametrize(
    "flags", [["letters.jsonl"], ["--resend", "--follow"], ["--last", "0"], ["--resend", "none"]]
)
def test_flags_that_contradict_each_other_are_wrong_usage(
    flags: list[str], shop: Shop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["dead-letters", *flags], shop.env) == (1 if "none" in flags else 2)
    assert "expected" in capsys.readouterr().err
