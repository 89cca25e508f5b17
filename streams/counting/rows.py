"""Rows: what a partition remembers, in memory and as bytes.

    counts changelog   rows of counts, see `streams.contract.count_rows`
                       key b"P"       value version u8 = 1 | msgpack of `Positions`
                       key b"U" | item_id   value version u8 = 1: an unknown item, see `limits`
                       outcome rows, see `streams.contract.outcome_rows`
    slates changelog   key slate_id   value version u8 = 1 | expires_s f64 | msgpack of `SlateRow`;
                                      no value: forgotten

A row of another version is refused with `RowError`, never guessed at.
"""

import struct
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Raw, Struct

from streams.contract.count_rows import RowError, unreadable

VERSION = 1
POSITIONS_KEY = b"P"
UNKNOWN_PREFIX = b"U"
UNKNOWN_VALUE = bytes([VERSION])

_SLATE_HEAD = struct.Struct("<Bd")

# Bits of `Seen.bits`: what has been counted, or waits, for one item of one slate.
SEEN, CLICKED, CONVERTED, WAITING_CLICK, WAITING_CONVERSION, WAITING_EVENTS = 1, 2, 4, 8, 16, 32
WAITING = WAITING_CLICK | WAITING_CONVERSION | WAITING_EVENTS


class Seen(Struct, array_like=True, gc=False):
    """One item of one slate: bits, time of its first impression, its segment where it is not the
    slate's.

    Waiting feedback is (time, value), the earliest of its kind. Most items are shown in the slate's
    segment and never clicked: of these the slate keeps the bare time, and `Seen(SEEN, time)` says
    the same.
    """

    bits: int = 0
    seen_s: float = 0.0
    segment: str | None = None
    waiting_click: tuple[float, float] | None = None
    waiting_conversion: tuple[float, float] | None = None
    # of conversions that bring an event_id: hashes of those that were counted; time, value and hash
    # of those that wait
    events: list[bytes] | None = None
    waiting_events: list[tuple[float, float, bytes]] | None = None

    def waiting(self) -> int:
        """How much feedback waits."""
        plain = (self.bits & (WAITING_CLICK | WAITING_CONVERSION)).bit_count()
        return plain + len(self.waiting_events or ())


Items = dict[str, float | Seen]  # float: time of an impression without feedback


class Made(Struct, array_like=True, gc=False):
    """What outcome rows need of a slate that this project made: its hour, its user's group, and the
    probability that the user got its variant, 0 where the policy file names him; of its places
    how many a posterior-mean slate is known for, how many explore, and the clicks that this costs.
    """

    hour: int
    user_group: int
    share: float
    slots: int
    explored: int
    given_up: float


class Booked(Struct, array_like=True, gc=False):
    """What outcome rows hold of a slate."""

    impressions: int = 0
    clicks: int = 0
    conversions: int = 0
    value: float = 0.0

    @property
    def seen(self) -> bool:
        """Whether any of it was seen."""
        return self.impressions > 0

    @property
    def clicked(self) -> bool:
        """Whether any of it was clicked."""
        return self.clicks > 0


class SlateRow(Struct, array_like=True, gc=False):
    """The log of one slate, joined by slate_id. `policy` (its version), `variant` and what was
    `offered` are set where this project made the slate.

    `items` rest as bytes, which are a tenth of the objects and are written as they are; `items_of`
    opens them. Most slates are never looked at again. `offered` is opened by `offered_of`.
    """

    expires_s: float
    segment: str | None = None
    policy: str | None = None
    clicked: bool = False
    items: Items | bytes = msgspec.field(default_factory=dict)
    waits: bool = False  # a conversion for its impression or a click
    variant: str | None = None
    offered: bytes = b""
    # of an impression of the whole slate that waits for the slate: its time, and the segment that
    # it names or that its context makes
    whole: tuple[float, str | None, str] | None = None
    made: Made | None = None
    booked: Booked | None = None
    value: float = 0.0  # of the feedback that was counted


class Positions(Struct, array_like=True):
    """Where a partition stands in its sources: next offset, largest event time and identity of each
    topic.
    """

    offsets: dict[str, int]
    stream_s: dict[str, float]
    topic_ids: dict[str, str] = msgspec.field(default_factory=dict)


_pack = msgspec.msgpack.Encoder().encode
_unpack_items = msgspec.msgpack.Decoder(Items).decode
_unpack_offered = msgspec.msgpack.Decoder(list[tuple[str, int, float]]).decode
_unpack_slate = msgspec.msgpack.Decoder(SlateRow).decode
_unpack_positions = msgspec.msgpack.Decoder(Positions).decode


def pack_seen_items(seen_items: dict[str, float]) -> bytes:
    """Items of a slate that were shown and not clicked, with the times of their impressions, as
    `SlateRow.items` may hold them.
    """
    return _pack(seen_items)


def pack_offered(items: Iterable[tuple[str, int, float]]) -> bytes:
    """Items of a slate with position and propensity, as `SlateRow.offered` holds them."""
    return _pack(list(items))


def offered_of(row: SlateRow) -> list[tuple[str, int, float]]:
    """What a slate of this project offered: items with position and propensity."""
    return _unpack_offered(row.offered) if row.offered else []


def items_of(row: SlateRow) -> Items:
    """What a slate's row knows of its items, to be read and changed."""
    items = row.items
    if isinstance(items, bytes):
        items = row.items = _unpack_items(items)
    return items


def seen_of(row: SlateRow) -> Items:
    """The same, to be read: they stay as they are."""
    items = row.items
    return _unpack_items(items) if isinstance(items, bytes) else items


def rested(row: SlateRow) -> SlateRow:
    """The row, its items as bytes."""
    if row.items and type(row.items) is dict:
        row.items = _pack(row.items)
    return row


def encode_slate(row: SlateRow) -> bytes:
    """Value of a slate row; its first bytes are its expiry, so that it can be indexed without being
    unpacked.
    """
    head, items = _SLATE_HEAD.pack(VERSION, row.expires_s), row.items
    known = (
        row.expires_s,
        row.segment,
        row.policy,
        row.clicked,
        Raw(items) if type(items) is bytes else items,
        row.waits,
    )
    # most slates are their owner's: what follows is not written for them
    if row.policy is None and row.whole is None and not row.value:
        return head + _pack(known)
    rest = row.variant, row.offered, row.whole, row.made, row.booked, row.value
    return head + _pack((*known, *rest))


def decode_slate(value: bytes) -> SlateRow:
    """A slate row."""
    row: SlateRow = _decode(_unpack_slate, value, _SLATE_HEAD.size, "a slate row")
    if type(row.items) is not dict:
        raise RowError(unreadable("a slate row", value))
    return row


def slate_head(value: bytes) -> bytes:
    """What stands before a slate row: rows with the same expiry have the same."""
    return value[: _SLATE_HEAD.size]


def slate_expiry_s(value: bytes) -> float:
    """When the row in these bytes, or behind this head, may be forgotten, in stream time."""
    if len(value) < _SLATE_HEAD.size or value[0] != VERSION:
        raise RowError(unreadable("a slate row", value))
    return float(_SLATE_HEAD.unpack_from(value)[1])


def encode_positions(positions: Positions) -> bytes:
    """Value of the positions row."""
    return bytes([VERSION]) + _pack(positions)


def decode_positions(value: bytes) -> Positions:
    """The positions row."""
    return _decode(_unpack_positions, value, 1, "the positions row")


def _decode(unpack: Any, value: bytes, head: int, what: str) -> Any:
    if value[:1] != bytes([VERSION]):
        raise RowError(unreadable(what, value))
    try:
        return unpack(memoryview(value)[head:])
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
        raise RowError(unreadable(what, value)) from None
