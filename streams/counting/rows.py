"""Rows: what a partition remembers, in memory and as bytes.

    counts changelog   key  b"C" | length of segment, u16 | segment | item_id          (UTF-8,
    integers little-endian)
                       value version u8 = 1 | totals 5 x f64                           half-life off
                             version u8 = 2 | totals 5 x f64 | discounted 5 x f64 | reference time
                             f64
                       key  b"P"              value version u8 = 1 | msgpack of `Positions`
    slates changelog   key  slate_id          value version u8 = 1 | expires_s f64 | msgpack of
                                              `SlateRow`; no value: forgotten

A row of another version is refused with `RowError`, never guessed at.
"""

import struct
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from msgspec import Raw, Struct
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VERSION = 1
VERSION_DISCOUNTED = 2
COUNTS_PREFIX, POSITIONS_KEY = b"C", b"P"

_TOTALS = struct.Struct("<B5d")
_DISCOUNTED = struct.Struct("<B11d")
_PLAIN_ROW = np.dtype([("version", "u1"), ("totals", "<f8", 5)])
_DISCOUNTED_ROW = np.dtype([("version", "u1"), ("totals", "<f8", 5), ("fresh", "<f8", 6)])
_SLATE_HEAD = struct.Struct("<Bd")
_LENGTH = struct.Struct("<H")

# Bits of `Seen.bits`: what has been counted, or waits, for one item of one slate.
SEEN, CLICKED, CONVERTED, WAITING_CLICK, WAITING_CONVERSION = 1, 2, 4, 8, 16
WAITING = WAITING_CLICK | WAITING_CONVERSION


class RowError(ValueError):
    """Stored bytes that this version cannot read."""


class CountRow:
    """The counts of one (segment, item) in one partition; the last six fields are used with a
    half-life only.
    """

    __slots__ = (
        "clicks",
        "conversions",
        "examined",
        "fresh_clicks",
        "fresh_conversions",
        "fresh_examined",
        "fresh_impressions",
        "fresh_value",
        "impressions",
        "reference_s",
        "value",
    )

    def __init__(self) -> None:
        self.impressions = self.clicks = self.conversions = self.value = self.examined = 0.0
        self.fresh_impressions = self.fresh_clicks = self.fresh_conversions = self.fresh_value = (
            self.fresh_examined
        ) = 0.0
        self.reference_s = 0.0

    def totals(self) -> tuple[float, float, float, float, float]:
        """Impressions, clicks, conversions, value, examined: since the beginning."""
        return self.impressions, self.clicks, self.conversions, self.value, self.examined

    def fresh(self) -> tuple[float, float, float, float, float]:
        """The same five, discounted to `reference_s`."""
        return (
            self.fresh_impressions,
            self.fresh_clicks,
            self.fresh_conversions,
            self.fresh_value,
            self.fresh_examined,
        )


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


Items = dict[str, float | Seen]  # float: time of an impression without feedback


class SlateRow(Struct, array_like=True, gc=False):
    """The log of one slate, joined by slate_id. `policy` is set where this project served it.

    `items` rest as bytes, which are a tenth of the objects and are written as they are; `items_of`
    opens them. Most slates are never looked at again.
    """

    expires_s: float
    segment: str | None = None
    policy: str | None = None
    clicked: bool = False
    items: Items | bytes = msgspec.field(default_factory=dict)
    waits: bool = False  # a conversion for its impression or a click


class Positions(Struct, array_like=True):
    """Where a partition stands in its sources: next offset, largest event time and identity of each
    topic.
    """

    offsets: dict[str, int]
    stream_s: dict[str, float]
    topic_ids: dict[str, str] = msgspec.field(default_factory=dict)


_pack = msgspec.msgpack.Encoder().encode
_unpack_items = msgspec.msgpack.Decoder(Items).decode
_unpack_slate = msgspec.msgpack.Decoder(SlateRow).decode
_unpack_positions = msgspec.msgpack.Decoder(Positions).decode


def encode_count_key(segment: str, item_id: str) -> bytes:
    """Key of a counts row."""
    name = segment.encode()
    return COUNTS_PREFIX + _LENGTH.pack(len(name)) + name + item_id.encode()


def decode_count_key(key: bytes) -> tuple[str, str]:
    """(segment, item_id) of a counts row's key."""
    try:
        (length,) = _LENGTH.unpack_from(key, 1)
        if key[:1] == COUNTS_PREFIX and len(key) >= 3 + length:
            return key[3 : 3 + length].decode(), key[3 + length :].decode()
    except (struct.error, UnicodeDecodeError):
        pass
    msg = f"expected the key of a counts row, found {key[:40]!r}"
    raise RowError(msg)


def encode_count(row: CountRow, discounted: bool) -> bytes:
    """Value of a counts row."""
    if discounted:
        return _DISCOUNTED.pack(VERSION_DISCOUNTED, *row.totals(), *row.fresh(), row.reference_s)
    return _TOTALS.pack(
        VERSION, row.impressions, row.clicks, row.conversions, row.value, row.examined
    )


def decode_count(value: bytes) -> CountRow:
    """A counts row; without discounted counts they are zero at time 0."""
    row = CountRow()
    if len(value) == _TOTALS.size and value[0] == VERSION:
        _, row.impressions, row.clicks, row.conversions, row.value, row.examined = _TOTALS.unpack(
            value
        )
        return row
    if len(value) == _DISCOUNTED.size and value[0] == VERSION_DISCOUNTED:
        (_, row.impressions, row.clicks, row.conversions, row.value, row.examined) = (
            _TOTALS.unpack_from(value)
        )
        fresh = struct.unpack_from("<6d", value, _TOTALS.size)
        (
            row.fresh_impressions,
            row.fresh_clicks,
            row.fresh_conversions,
            row.fresh_value,
            row.fresh_examined,
            row.reference_s,
        ) = fresh
        return row
    raise RowError(_unreadable("a counts row", value))


def decode_counts(values: Sequence[bytes]) -> tuple[Floats, Floats, Floats]:
    """Many counts rows: totals (n, 5), discounted (n, 5) and their reference times (n,), in the
    order of the columns above.
    """
    data = b"".join(values)
    for dtype, version in ((_PLAIN_ROW, VERSION), (_DISCOUNTED_ROW, VERSION_DISCOUNTED)):
        if all(len(value) == dtype.itemsize for value in values):
            rows = np.frombuffer(data, dtype)
            if (rows["version"] == version).all():
                none = np.zeros((len(rows), 6))
                fresh = rows["fresh"] if version == VERSION_DISCOUNTED else none
                return rows["totals"], fresh[:, :5], fresh[:, 5]
    decoded = [decode_count(value) for value in values]
    return (
        np.array([row.totals() for row in decoded]),
        np.array([row.fresh() for row in decoded]),
        np.array([row.reference_s for row in decoded]),
    )


def pack_looks(looks: dict[str, float]) -> bytes:
    """Items of a slate that were shown and not clicked, with the times of their impressions, as
    `SlateRow.items` may hold them.
    """
    return _pack(looks)


def items_of(row: SlateRow) -> Items:
    """What a slate's row knows of its items, to be read and changed."""
    items = row.items
    if type(items) is bytes:
        items = row.items = _unpack_items(items)
    return items  # type: ignore[return-value]


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
    if type(items) is bytes:
        return head + _pack(
            (row.expires_s, row.segment, row.policy, row.clicked, Raw(items), row.waits)
        )
    return head + _pack(row)


def decode_slate(value: bytes) -> SlateRow:
    """A slate row."""
    row: SlateRow = _decode(_unpack_slate, value, _SLATE_HEAD.size, "a slate row")
    if type(row.items) is not dict:
        raise RowError(_unreadable("a slate row", value))
    return row


def slate_head(value: bytes) -> bytes:
    """What stands before a slate row: rows with the same expiry have the same."""
    return value[: _SLATE_HEAD.size]


def slate_expiry_s(value: bytes) -> float:
    """When the row in these bytes, or behind this head, may be forgotten, in stream time."""
    if len(value) < _SLATE_HEAD.size or value[0] != VERSION:
        raise RowError(_unreadable("a slate row", value))
    return float(_SLATE_HEAD.unpack_from(value)[1])


def encode_positions(positions: Positions) -> bytes:
    """Value of the positions row."""
    return bytes([VERSION]) + _pack(positions)


def decode_positions(value: bytes) -> Positions:
    """The positions row."""
    return _decode(_unpack_positions, value, 1, "the positions row")


def _decode(unpack: Any, value: bytes, head: int, what: str) -> Any:
    if value[:1] != bytes([VERSION]):
        raise RowError(_unreadable(what, value))
    try:
        return unpack(memoryview(value)[head:])
    except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
        raise RowError(_unreadable(what, value)) from None


def _unreadable(what: str, value: bytes) -> str:
    version = value[0] if value else None
    return (
        f"expected {what} of version {VERSION}, found version {version} in {len(value)} bytes; was "
        "it written by a newer release?"
    )
