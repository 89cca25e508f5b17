"""Ingest: the events of a chunk, to be counted; what cannot be used becomes a dead letter."""

from typing import Any, NamedTuple

from streams.contract.events import (
    MAX_QUOTED_BYTES,
    DeadLetter,
    EventError,
    check_size,
    decode_item,
    encode,
)
from streams.counting.attribution import REJECTED
from streams.counting.chunk import Chunk, Original
from streams.counting.partition import Partition, Rejected


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


def open_chunk(partition: Partition, chunk: Chunk, now_s: float) -> Any:
    """The good events of a chunk, in order (`Chunk.events`); each bad record is noted in the
    partition and comes out with its next flush.

    Whoever counts the events can refuse one, too: `partition.refuse(at, reason)`, `at` counted over
    the chunk's good records.
    """

    def reject(original: Original, reason: str) -> None:
        place = Place(chunk.topic, chunk.partition, original.offset)
        partition.rejected.append(dead_letter(place, original.key, original.value, reason, now_s))
        partition.outcome_counts[REJECTED, ""] += 1

    for original, reason in chunk.refused:
        reject(original, reason)
    partition.refuse = lambda at, reason: reject(chunk.original(at), reason)
    return chunk.events


def dead_letter(
    place: Place, key: bytes | None, value: bytes | None, reason: str, now_s: float
) -> Rejected:
    """The dead letter of a record: key and value as they were, as far as text and size allow."""
    if key is not None:
        # subtle: a longer one would make the flush too large for the broker, for ever
        key = key[:MAX_QUOTED_BYTES]
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
            return "expected the item's id as key, found none"
        if value is not None:
            check_size(value, max_bytes)
            item = decode_item(value)
            if item.item_id.encode() != key:
                return f"expected the key to be the item's id {item.item_id!r}, found {key[:100]!r}"
    except EventError as error:
        return str(error)
    return None
