"""`slates`: what the response topic holds, by segment, as text and as it is."""

from __future__ import annotations

import uuid

import pytest

from streams import cli
from streams.commands.slates import line
from streams.contract.events import Slate, SlateItem, encode
from streams.kafka.producer import EventSender


def slate(segment: str, slate_id: str, items: int = 2) -> Slate:
    chosen = [SlateItem(f"i{n}", n, 1.0 - n, 0.5, {"mean": 0.1}) for n in range(items)]
    return Slate(
        slate_id, slate_id, "u", "g", segment, "base", "thompson", "v1", None, 1.0, chosen, 3661.0
    )


@pytest.mark.local
def test_slates_are_listed_by_segment_and_foreign_records_are_said_and_skipped(
    local_broker: str, capsys: pytest.CaptureFixture[str]
) -> None:
    env = {
        "KAFKA_BOOTSTRAP_SERVERS": local_broker,
        "SLATESTREAM_TOPIC_PREFIX": f"{uuid.uuid4().hex}.",
        "SLATESTREAM_TOPIC_PARTITIONS": "1",
    }
    assert cli.main(["topics", "create"], env) == 0
    capsys.readouterr()
    sender = EventSender({"bootstrap.servers": local_broker})
    values = [encode(slate("a", "s1")), b"not a slate", encode(slate("b", "s2"))]
    for value in values:
        sender.send(env["SLATESTREAM_TOPIC_PREFIX"] + "slates", b"u", value)
    sender.flush()
    assert cli.main(["slates", "--json"], env) == 0
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [values[0].decode(), values[2].decode()]
    assert "partition 0 offset 1 is no slate" in shown.err
    assert cli.main(["slates", "--segment", "b"], env) == 0
    assert capsys.readouterr().out == "01:01:01 b u [thompson] s2: i0, i1\n"


def test_an_empty_slate_says_that_nothing_was_eligible() -> None:
    assert line(slate("a", "s", items=0)).endswith("s: no item is eligible")
