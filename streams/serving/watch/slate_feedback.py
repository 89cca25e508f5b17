"""SlateFeedback: what was seen and clicked of one slate, read from Kafka when somebody asks.

A user's events share a partition, so only that one is read, from the time of the slate on. A
producer with another partitioner writes elsewhere: then nothing is found here.
"""

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import orjson
from confluent_kafka import Consumer, Message, TopicPartition

from streams.contract.events import (
    EventError,
    Slate,
    decode_click,
    decode_impression,
)
from streams.contract.partitioner import partition_of
from streams.kafka.client import consuming
from streams.kafka.rights import rights_on

MOST = 100_000  # records of each topic
READ_S = 3.0  # of both
BEFORE_S = 5.0  # clocks differ
CALL_TIMEOUT_S = 5.0
POLL_S = 0.2


class Found(NamedTuple):
    """Items in the order of their events; `whole`: all events since were looked at."""

    seen: list[str]
    clicked: list[str]
    converted: list[str]
    whole: bool


class SlateFeedback:
    """Reads; blocks. `impressions` and `clicks` are full names."""

    def __init__(self, client: Mapping[str, Any], impressions: str, clicks: str) -> None:
        self._config = {
            **consuming(client),
            "enable.auto.commit": False,
            "enable.partition.eof": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 20,
            "log_level": 0,
        }
        self._impressions = impressions
        self._clicks = clicks

    def of(self, slate: Slate) -> Found:
        """What was done with a slate.

        Raises
        ------
        KafkaException
            If the topics cannot be read.
        """
        end_s = time.monotonic() + READ_S
        seen: dict[str, None] = {}
        done: dict[str, dict[str, None]] = {"click": {}, "conversion": {}}
        whole = True
        for topic in (self._impressions, self._clicks):
            for value in self._values(topic, slate, end_s):
                if value is None:
                    whole = False
                elif topic == self._impressions:
                    seen |= dict.fromkeys(_seen(value, slate))
                else:
                    _note(value, slate, done)
        return Found(list(seen), list(done["click"]), list(done["conversion"]), whole)

    def _values(self, topic: str, slate: Slate, end_s: float) -> Iterator[bytes | None]:
        """Values that may name the slate; None where it was too much to look at all."""
        names = {orjson.dumps(slate.slate_id), _escaped(slate.slate_id)}
        for records in self._batches(topic, slate, end_s):
            if records is None:
                yield None
                return
            for record in records:
                value = record.value() or b""
                if any(name in value for name in names):
                    yield value

    def _batches(self, topic: str, slate: Slate, end_s: float) -> Iterator[list[Message] | None]:
        consumer = Consumer(self._config)
        try:
            with rights_on(f"topic {topic} (Read)"):
                found = consumer.list_topics(topic, timeout=CALL_TIMEOUT_S).topics[topic]
                if not found.partitions:
                    return
                number = partition_of(slate.user_id or "", len(found.partitions))
                since_ms = max(0, round(1000 * (slate.ts - BEFORE_S)))
                (start,) = consumer.offsets_for_times(
                    [TopicPartition(topic, number, since_ms)], timeout=CALL_TIMEOUT_S
                )
                _low, end = consumer.get_watermark_offsets(
                    TopicPartition(topic, number), timeout=CALL_TIMEOUT_S
                )
            if start.offset < 0 or start.offset >= end:
                return
            consumer.assign([TopicPartition(topic, number, start.offset)])
            at = start.offset
            while at < end:
                if at - start.offset > MOST or time.monotonic() > end_s:
                    yield None
                    return
                records = [each for each in consumer.consume(2000, POLL_S) if not each.error()]
                yield records
                (position,) = consumer.position([TopicPartition(topic, number)])
                at = max(at, position.offset)
        finally:
            consumer.close()


def _escaped(slate_id: str) -> bytes:
    """As other encoders write it: all but ASCII escaped."""
    return json.dumps(slate_id).encode()


def _seen(value: bytes, slate: Slate) -> list[str]:
    try:
        event = decode_impression(value)
    except EventError:
        return []
    if event.slate_id != slate.slate_id:
        return []
    if event.item_id is not None:
        return [event.item_id]
    if event.items is not None:
        return [each if isinstance(each, str) else each.item_id for each in event.items]
    return [item.item_id for item in slate.items]


def _note(value: bytes, slate: Slate, done: dict[str, dict[str, None]]) -> None:
    try:
        event = decode_click(value)
    except EventError:
        return
    if event.slate_id == slate.slate_id:
        done[event.kind][event.item_id] = None
