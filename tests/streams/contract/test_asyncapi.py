"""The AsyncAPI document and docs/events.md say what the decoders do."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest
from jsonschema import Draft202012Validator, ValidationError

from streams import cli
from streams.contract import asyncapi
from streams.contract.events import (
    decode_click,
    decode_impression,
    decode_item,
    decode_slate,
    decode_slate_request,
)
from streams.contract.topics import TOPICS, TopicNames

PAGE = (Path(__file__).parents[3] / "docs" / "events.md").read_text()
DECODERS = {
    "Item": decode_item,
    "Impression": decode_impression,
    "Click": decode_click,
    "SlateRequest": decode_slate_request,
    "Slate": decode_slate,
}
TYPES = {each.__name__: each for each in asyncapi.EVENTS.values() if each is not None}
WRITTEN_BY_USERS = {"Item", "Impression", "Click", "SlateRequest"}


def document() -> dict[str, Any]:
    return asyncapi.document(TopicNames("shop."), 12, 3)


def section(name: str) -> str:
    """The part of the page under the heading of that name."""
    found = re.search(rf"^## {name}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, name
    return found[1]


def examples(name: str) -> list[bytes]:
    return [body.encode() for body in re.findall(r"```json\n(.*?)```", section(name), re.DOTALL)]


def schema(found: dict[str, Any], name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": found["components"]}


def test_every_topic_is_a_channel_with_a_message_and_an_operation() -> None:
    found = document()
    assert found["asyncapi"] == "3.0.0"
    assert found["channels"].keys() == {topic.name for topic in TOPICS}
    assert {each["address"] for each in found["channels"].values()} == {
        f"shop.{topic.name}" for topic in TOPICS
    }
    ways = {
        each["channel"]["$ref"].rpartition("/")[2]: each["action"]
        for each in found["operations"].values()
    }
    assert ways == {
        topic.name: "receive" if topic.written_by == "user" else "send" for topic in TOPICS
    }
    settings = found["channels"]["impressions"]["bindings"]["kafka"]
    assert (settings["partitions"], settings["replicas"]) == (12, 3)
    assert settings["topicConfiguration"] == {
        "cleanup.policy": ["delete"],
        "retention.ms": 14 * 86_400_000,
        "max.message.bytes": 4_194_304,
    }


def test_every_reference_leads_somewhere_and_every_schema_is_one() -> None:
    found = document()
    for path in re.findall(r'"#/([\w/-]+)"', json.dumps(found)):
        place: Any = found
        for name in path.split("/"):
            place = place[name]
    for each in found["components"]["schemas"].values():
        Draft202012Validator.check_schema(each)


@pytest.mark.parametrize("name", DECODERS)
def test_examples_of_the_page_are_events_by_decoder_and_by_schema(name: str) -> None:
    found = document()
    assert examples(name)
    for example in examples(name):
        DECODERS[name](example)
        Draft202012Validator(schema(found, name)).validate(orjson.loads(example))


@pytest.mark.parametrize("name", sorted(WRITTEN_BY_USERS))
def test_a_required_field_that_is_missing_is_no_event_by_schema_either(name: str) -> None:
    event = orjson.loads(examples(name)[0])
    del event["item_id" if name in ("Item", "Click") else "user_id"]
    with pytest.raises(ValidationError):
        Draft202012Validator(schema(document(), name)).validate(event)


@pytest.mark.parametrize("name", TYPES)
def test_every_field_of_every_event_stands_in_the_page_and_no_other(name: str) -> None:
    rows = re.findall(r"^\| (\**`[^|]+) \|", section(name), re.MULTILINE)
    said = {field for row in rows for field in re.findall(r"`(\w+)`", row)}
    fields = msgspec.structs.fields(TYPES[name])
    assert said == {field.encode_name for field in fields}
    if name in WRITTEN_BY_USERS:
        bold = {field for row in rows for field in re.findall(r"\*\*`(\w+)`\*\*", row)}
        assert bold == {field.encode_name for field in fields if field.required}


def test_topics_of_the_page_are_the_topics() -> None:
    rows = re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|.*\| (you|slatestream) \|$", PAGE, re.MULTILINE)
    assert rows == [
        (topic.name, topic.key, "you" if topic.written_by == "user" else "slatestream")
        for topic in TOPICS
    ]


def test_the_command_prints_the_document_without_a_broker(
    capsys: pytest.CaptureFixture[str],
) -> None:
    environ = {
        "KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "SLATESTREAM_TOPIC_PREFIX": "shop.",
        "SLATESTREAM_TOPIC_REPLICATION": "3",
    }
    assert cli.main(["topics", "asyncapi"], environ) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(document()))
