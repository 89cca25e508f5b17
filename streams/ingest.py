"""Ingest: the records of a chunk to events; what cannot be used becomes a dead letter and the rest goes on."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from msgspec import Struct

from .attribution import REJECTED
from .chunk import Chunk
from .events import MAX_QUOTED_BYTES, DeadLetter, EventError, encode
from .partition import Partition, Rejected

Event = TypeVar("Event", bound=Struct)


def decode_chunk(
    partition: Partition, chunk: Chunk, decode: Callable[[bytes | None], Event], max_bytes: int, now_s: float
) -> Iterator[Event]:
    """Each good event of a chunk, in order; each bad one is noted in the partition and comes out with its next flush."""
    for record in chunk.records:
        value = record.value()
        try:
            if value is not None and len(value) > max_bytes:
                _refuse(f"expected at most {max_bytes} bytes, found {len(value)}; see SLATESTREAM_MAX_EVENT_BYTES")
            if not record.key():
                _refuse("expected the user's id as key, found none: without it one user's events do not share a partition")
            event = decode(value)
        except EventError as error:
            partition.rejected.append(dead_letter(record, str(error), now_s))
            partition.tally[REJECTED, ""] += 1
        else:
            yield event


def dead_letter(record: Any, reason: str, now_s: float) -> Rejected:
    """The dead letter of a record: key and value as they were, as far as text and size allow."""
    key, value = record.key(), record.value()
    letter = DeadLetter(
        topic=record.topic(),
        partition=record.partition(),
        offset=record.offset(),
        reason=reason,
        key=None if key is None else key.decode(errors="replace"),
        value="" if value is None else value[:MAX_QUOTED_BYTES].decode(errors="replace"),
        ts=now_s,
    )
    return Rejected(key, encode(letter))


def _refuse(reason: str) -> None:
    raise EventError(reason)
