"""EventSample: the last impressions and clicks as they lie on Kafka: what their counts cannot say
of them.

    partition   a key of a producer with another partitioner lies where `murmur2(key) mod n` is not
    key         that is not the event's user_id
    position    none of the impressions is at the top

Values of keys and ids stay here: what they look like (`streams.contract.shapes`) is told.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Message

from streams.contract.events import (
    EventError,
    Impression,
    SeenItem,
    decode_click,
    decode_impression,
    seconds,
)
from streams.contract.partitioner import partition_of
from streams.contract.shapes import shape
from streams.kafka.topic_reader import TopicReader

RECORDS = 400  # of each topic
OF_PARTITION = 100
READ_S = 2.0  # a sample, not a log


class Seen(NamedTuple):
    """What was found among some events of one topic.

    Attributes
    ----------
    events
        good ones that were looked at.
    elsewhere
        lie in another partition than their key's.
    other_key
        have a key that is not the user's id.
    positions, at_top
        impressions that say a position, and those at position 0.
    slates
        ids that they name.
    newest_s
        the largest of their times, 0 without any.
    key_shape, user_shape
        what a key that is not the user's id looks like, and that id; empty without one.
    key_is
        the field of the event that holds that key; empty where none does.
    """

    events: int = 0
    elsewhere: int = 0
    other_key: int = 0
    positions: int = 0
    at_top: int = 0
    slates: frozenset[str] = frozenset()
    newest_s: float = 0.0
    key_shape: str = ""
    user_shape: str = ""
    key_is: str = ""


def look_at(records: Iterable[Message], impressions: bool, partitions: int | None = None) -> Seen:
    """What some records of `impressions` or `clicks` show; broken ones are passed over. Without the
    number of partitions it is not looked whether they lie in the right one.
    """
    events = elsewhere = other_key = positions = at_top = 0
    slates, newest_s, odd = set(), 0.0, ("", "", "")
    decode: Any = decode_impression if impressions else decode_click
    for record in records:
        try:
            event = decode(record.value())
            ts = seconds(event.ts)
        except EventError:
            continue
        events += 1
        key = (record.key() or b"").decode(errors="replace")
        if key != event.user_id:
            other_key += 1
            odd = shape(key), shape(event.user_id), _field_of(event, key)
        if partitions is not None and key:
            elsewhere += partition_of(key, partitions) != record.partition()
        slates.add(event.slate_id)
        newest_s = max(newest_s, ts)
        if isinstance(event, Impression):
            said = _positions(event)
            positions += len(said)
            at_top += said.count(0)
    return Seen(events, elsewhere, other_key, positions, at_top, frozenset(slates), newest_s, *odd)


def _field_of(event: Any, key: str) -> str:
    fields = ("item_id", "slate_id", "segment", "event_id")
    return next((name for name in fields if key and getattr(event, name, None) == key), "")


def _positions(event: Impression) -> list[int]:
    """Positions that an impression says, or that its list gives its items."""
    if event.item_id is not None:
        return [event.position or 0]
    return [
        at if not isinstance(each, SeenItem) or each.position is None else each.position
        for at, each in enumerate(event.items or ())
    ]


class EventSampler:
    """Reads the ends of both topics; blocks. `impressions` and `clicks` are full names."""

    def __init__(self, client: Mapping[str, Any], impressions: str, clicks: str) -> None:
        self._client = client
        self._topics = {impressions: True, clicks: False}

    def sample(self) -> dict[bool, Seen]:
        """What the last impressions (True) and clicks (False) show.

        Raises
        ------
        TopicsError, KafkaException
            If they cannot be read.
        """
        found = {}
        for topic, impressions in self._topics.items():
            with TopicReader(self._client, topic, from_end=True, back=OF_PARTITION) as reader:
                partitions = len(reader.consumer.assignment())
                records: list[Message] = []
                end_s = time.monotonic() + READ_S
                for record in reader.until_end():
                    records.append(record)
                    if time.monotonic() > end_s:
                        break
            records.sort(key=lambda record: record.timestamp()[1])
            found[impressions] = look_at(records[-RECORDS:], impressions, partitions)
        return found
