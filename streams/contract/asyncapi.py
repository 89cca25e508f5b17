"""AsyncAPI: the document (3.0) of the topics, made from their table and from the types that decode
and encode what is on them; for generators of code and pages, and schema registries.

An operation says what slatestream does: it receives what users write and sends what they read.
AsyncAPI Initiative, AsyncAPI 3.0.0 specification; Kafka bindings 0.5.0.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

import streams
from encoder.serving.wire import ItemEmbedding, Release
from streams.contract.events import Click, DeadLetter, Impression, Item, Slate, SlateRequest
from streams.contract.segment_slates import SegmentSlates
from streams.contract.topics import TOPICS, Topic, TopicNames, declared_configs, declared_partitions

REF = "#/components/schemas/{name}"
BINDING = "0.5.0"
# type of what is on a topic, by `Topic.attribute`; bytes for the processes themselves have none
EVENTS: Mapping[str, type[Struct] | None] = {
    "items": Item,
    "impressions": Impression,
    "clicks": Click,
    "slate_requests": SlateRequest,
    "slates": Slate,
    "segment_slates": SegmentSlates,
    "item_embeddings": ItemEmbedding,
    "encoder_releases": Release,
    "encoder_files": None,
    "dead_letters": DeadLetter,
}
LISTS = {"cleanup.policy"}  # of a topic's configuration in the Kafka binding
NUMBERS = {"retention.ms", "max.message.bytes"}


def document(names: TopicNames, partitions: int, replication: int) -> dict[str, Any]:
    """The document as JSON's types.

    Parameters
    ----------
    names
        With the prefix of the installation.
    partitions, replication
        As topics are declared here (`SLATESTREAM_TOPIC_PARTITIONS`, `..._REPLICATION`).

    """
    types = [each for each in EVENTS.values() if each is not None]
    _, schemas = msgspec.json.schema_components(types, ref_template=REF)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "slatestream",
            "version": streams.__version__,
            "description": "Events in and slates out on Kafka; see docs/events.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            topic.name: _channel(topic, names, partitions, replication) for topic in TOPICS
        },
        "operations": {_operation_id(topic): _operation(topic) for topic in TOPICS},
        "components": {
            "messages": {_message_id(topic): _message(topic) for topic in TOPICS},
            "schemas": schemas,
        },
    }


def _channel(topic: Topic, names: TopicNames, partitions: int, replication: int) -> dict[str, Any]:
    configs = {
        name: value.split(",") if name in LISTS else int(value)
        for name, value in declared_configs(topic, replication).items()
        if name in LISTS | NUMBERS  # the binding knows no others
    }
    message = _message_id(topic)
    return {
        "address": names.of(topic),
        "description": f"Key: {topic.key}. Written by: {topic.written_by}.",
        "messages": {message: {"$ref": f"#/components/messages/{message}"}},
        "bindings": {
            "kafka": {
                "partitions": declared_partitions(topic, partitions),
                "replicas": replication,
                "topicConfiguration": configs,
                "bindingVersion": BINDING,
            }
        },
    }


def _operation(topic: Topic) -> dict[str, Any]:
    return {
        "action": "receive" if topic.written_by == "user" else "send",
        "channel": {"$ref": f"#/channels/{topic.name}"},
    }


def _operation_id(topic: Topic) -> str:
    verb = "receive" if topic.written_by == "user" else "send"
    return verb + topic.attribute.title().replace("_", "")


def _message_id(topic: Topic) -> str:
    event = EVENTS[topic.attribute]
    return topic.attribute.title().replace("_", "") if event is None else event.__name__


def _message(topic: Topic) -> dict[str, Any]:
    event = EVENTS[topic.attribute]
    key = {"type": "string", "description": topic.key}
    message: dict[str, Any] = {
        "name": _message_id(topic),
        "bindings": {"kafka": {"key": key, "bindingVersion": BINDING}},
    }
    if event is None:
        return message | {"contentType": "application/octet-stream"}
    payload: dict[str, Any] = {"$ref": REF.format(name=event.__name__)}
    if topic.attribute == "items":  # a null value withdraws the item
        payload = {"anyOf": [payload, {"type": "null"}]}
    return message | {"payload": payload}
