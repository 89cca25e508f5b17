"""Dead letters: what becomes of a record that cannot be used."""

from typing import NamedTuple

from streams.contract.events import MAX_QUOTED_BYTES, DeadLetter, encode


class Place(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int


class Rejected(NamedTuple):
    """A dead letter to be: key and value as they will be produced."""

    key: bytes | None
    value: bytes


def dead_letter(
    place: Place, key: bytes | None, value: bytes | None, reason: str, now_s: float
) -> Rejected:
    """The dead letter of a record: key and value as they were, as far as text and size allow."""
    if key is not None:
        # subtle: a longer one would make a flush too large for the broker, for ever
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
