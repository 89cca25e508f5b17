"""Ingest: the records of a chunk to events; what cannot be used becomes a dead letter and the rest goes on."""

from typing import Any, NamedTuple, TypeVar

from confluent_kafka import Message
from msgspec import Struct

from .attribution import REJECTED
from .chunk import Chunk
from .events import MAX_QUOTED_BYTES, DeadLetter, Decode, EventError, decode_item, encode
from .partition import Partition, Rejected

Event = TypeVar("Event", bound=Struct)


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


def decode_chunk(partition: Partition, chunk: Chunk, decode: Decode[Event], max_bytes: int, now_s: float) -> list[Event]:
    """The good events of a chunk, in order; each bad one is noted in the partition and comes out with its next flush.

    Whoever counts the events can refuse one, too: `partition.refuse(event, reason)`. A chunk without a bad event, which is nearly every
    one, is decoded without a Python call for each record.
    """
    good = chunk.records
    try:
        events = _quick(good, decode, max_bytes)
    except decode.NOT_GOOD:
        events = None
    if events is None:
        good, events = _judge(partition, chunk.records, decode, max_bytes, now_s)
    record_of: dict[int, Any] = {}

    def refuse(event: Struct, reason: str) -> None:
        if not record_of:
            record_of.update(zip(map(id, events), good, strict=True))
        _reject(partition, record_of[id(event)], reason, now_s)

    partition.refuse = refuse
    return events


def _quick(records: list[Any], decode: Decode[Event], max_bytes: int) -> list[Event] | None:
    values: list[Any] = list(map(Message.value, records))
    if not all(map(Message.key, records)) or max(map(len, values), default=0) > max_bytes:
        return None
    return list(map(decode.quick, values))


def _judge(partition: Partition, records: list[Any], decode: Decode[Event], max_bytes: int, now_s: float) -> tuple[list[Any], list[Event]]:
    """Record by record: the good ones, and their events."""
    good, events = [], []
    for record in records:
        value = record.value()
        try:
            _check_size(value, max_bytes)
            if not record.key():
                _refuse("expected the user's id as key, found none: without it one user's events do not share a partition")
            events.append(decode(value))
            good.append(record)
        except EventError as error:
            _reject(partition, record, str(error), now_s)
    return good, events


def _reject(partition: Partition, record: Any, reason: str, now_s: float) -> None:
    place = Place(record.topic(), record.partition(), record.offset())
    partition.rejected.append(dead_letter(place, record.key(), record.value(), reason, now_s))
    partition.tally[REJECTED, ""] += 1


def dead_letter(place: Place, key: bytes | None, value: bytes | None, reason: str, now_s: float) -> Rejected:
    """The dead letter of a record: key and value as they were, as far as text and size allow."""
    if key is not None:
        key = key[:MAX_QUOTED_BYTES]  # subtle: a longer one would make the flush too large for the broker, for ever
    letter = DeadLetter(
        topic=place.topic,
        partition=place.partition,
        offset=place.offset,
        reason=reason,
        key=None if key is None else key.decode(errors="replace"),
        value="" if value is None else value[:MAX_QUOTED_BYTES].decode(errors="replace"),
        ts=now_s,
    )
    return Rejected(key, encode(letter))


def item_fault(key: bytes | None, value: bytes | None, max_bytes: int) -> str | None:
    """What is wrong with a record of `items`; None if it is a good item or withdraws one."""
    try:
        if not key:
            _refuse("expected the item's id as key, found none")
        elif value is not None:
            _check_size(value, max_bytes)
            item = decode_item(value)
            if item.item_id.encode() != key:
                _refuse(f"expected the key to be the item's id {item.item_id!r}, found {key[:100]!r}")
    except EventError as error:
        return str(error)
    return None


def _check_size(value: bytes | None, max_bytes: int) -> None:
    if value is not None and len(value) > max_bytes:
        _refuse(f"expected at most {max_bytes} bytes, found {len(value)}; see SLATESTREAM_MAX_EVENT_BYTES")


def _refuse(reason: str) -> None:
    raise EventError(reason)
