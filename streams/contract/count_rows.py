"""Rows of the counts changelog, by which counting and serving are joined.

    key    b"C" | length of segment, u16 | segment | item_id      (UTF-8, integers little-endian)
    value  version u8 = 1 | touched f64 | totals 5 x f64 | added 5 x f64            half-life off
           version u8 = 2 | touched f64 | totals 5 x f64 | added 5 x f64
                          | discounted 5 x f64 | reference time f64 | added, discounted 5 x f64

    key    b"D"                           of each partition, for readers of the log: no state
    value  version u8 = 1 | n x (seconds from impression to click f64, time of the impression f64)
                          a sample of the clicks that the flush counted

`added` is what the row grew by since the last committed flush: a reader that has once read the
totals adds it and keeps no row. Discounted, it is seen from the row's reference time. `touched` is
the time of the flush, in seconds since the epoch. The sum of all that was ever added to a row is
its total, to rounding.

A row of another version is refused with `RowError`, never guessed at.
"""

import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# impressions, clicks, conversions, value, examined
Totals = tuple[float, float, float, float, float]

VERSION = 1
VERSION_DISCOUNTED = 2
COUNTS_PREFIX = b"C"
DELAYS_KEY = b"D"

_PLAIN = struct.Struct("<B11d")
_DISCOUNTED = struct.Struct("<B22d")
_HEAD = [("version", "u1"), ("touched", "<f8"), ("totals", "<f8", 5), ("added", "<f8", 5)]
_PLAIN_ROW = np.dtype(_HEAD)
_DISCOUNTED_ROW = np.dtype(
    [*_HEAD, ("fresh", "<f8", 5), ("reference_s", "<f8"), ("fresh_added", "<f8", 5)]
)
_TOUCHED = struct.Struct("<d")
_LENGTH = struct.Struct("<H")


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

    def totals(self) -> Totals:
        """Impressions, clicks, conversions, value, examined: since the beginning."""
        return self.impressions, self.clicks, self.conversions, self.value, self.examined

    def clear(self) -> None:
        """Count nothing; the reference time stays."""
        self.impressions = self.clicks = self.conversions = self.value = self.examined = 0.0
        self.fresh_impressions = self.fresh_clicks = self.fresh_conversions = self.fresh_value = (
            self.fresh_examined
        ) = 0.0

    def fresh(self) -> Totals:
        """The same five, discounted to `reference_s`."""
        return (
            self.fresh_impressions,
            self.fresh_clicks,
            self.fresh_conversions,
            self.fresh_value,
            self.fresh_examined,
        )


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


class Before(NamedTuple):
    """What a row was at the last flush; nothing, where there was none."""

    totals: Totals = (0.0, 0.0, 0.0, 0.0, 0.0)
    fresh: Totals = (0.0, 0.0, 0.0, 0.0, 0.0)
    reference_s: float = 0.0


NOTHING = Before()


def before(row: CountRow, discounted: bool) -> Before:
    """What a row is now."""
    if discounted:
        return Before(row.totals(), row.fresh(), row.reference_s)
    return Before(row.totals())


def encode_count(
    row: CountRow,
    half_life_s: float | None = None,
    since: Before = NOTHING,
    touched_s: float = 0.0,
) -> bytes:
    """Value of a counts row that has grown from `since`."""
    n, c, v, w, x = row.totals()
    n0, c0, v0, w0, x0 = since.totals
    added = n - n0, c - c0, v - v0, w - w0, x - x0
    if half_life_s is None:
        return _PLAIN.pack(VERSION, touched_s, n, c, v, w, x, *added)
    # a reference time never moves back
    keep = 2.0 ** min(0.0, (since.reference_s - row.reference_s) / half_life_s)
    fresh = row.fresh()
    fresh_added = [now - keep * then for now, then in zip(fresh, since.fresh, strict=True)]
    return _DISCOUNTED.pack(
        VERSION_DISCOUNTED,
        touched_s,
        *(n, c, v, w, x, *added),
        *(*fresh, row.reference_s, *fresh_added),
    )


def decode_count(value: bytes) -> CountRow:
    """A counts row as it was written; without discounted counts they are zero at time 0."""
    row = CountRow()
    if len(value) == _PLAIN.size and value[0] == VERSION:
        numbers: tuple[float, ...] = _PLAIN.unpack(value)
    elif len(value) == _DISCOUNTED.size and value[0] == VERSION_DISCOUNTED:
        numbers = _DISCOUNTED.unpack(value)
        (
            row.fresh_impressions,
            row.fresh_clicks,
            row.fresh_conversions,
            row.fresh_value,
            row.fresh_examined,
            row.reference_s,
        ) = numbers[12:18]
    else:
        raise RowError(unreadable("a counts row", value))
    row.impressions, row.clicks, row.conversions, row.value, row.examined = numbers[2:7]
    return row


def touched_s(value: bytes) -> float:
    """When a counts row was last written."""
    return float(_TOUCHED.unpack_from(value, 1)[0])


class CountRows(NamedTuple):
    """Many counts rows, columns in the order above.

    Attributes
    ----------
    totals, added
        (n, 5).
    fresh, reference_s, fresh_added
        (n, 5), (n,) and (n, 5): discounted; zeros where a row has none.
    touched
        (n,) when they were written, in seconds since the epoch.
    """

    totals: Floats
    added: Floats
    fresh: Floats
    reference_s: Floats
    fresh_added: Floats
    touched: Floats


def decode_counts(values: Sequence[bytes]) -> CountRows:
    """Many counts rows."""
    for dtype, version in ((_PLAIN_ROW, VERSION), (_DISCOUNTED_ROW, VERSION_DISCOUNTED)):
        if all(len(value) == dtype.itemsize for value in values):
            rows = np.frombuffer(b"".join(values), dtype)
            if (rows["version"] == version).all():
                if version == VERSION:
                    none = np.zeros((len(rows), 5))
                    return CountRows(
                        rows["totals"], rows["added"], none, none[:, 0], none, rows["touched"]
                    )
                return CountRows(*(rows[name] for name in CountRows._fields))
    each = []
    for value in values:
        decode_count(value)  # says what is wrong, if anything
        each.append(decode_counts([value]))
    return CountRows(*(np.concatenate(column) for column in zip(*each, strict=True)))


Delays = Sequence[tuple[float, float]]  # seconds after the impression, time of the impression
_DELAY = struct.Struct("<2d")


def encode_delays(delays: Delays) -> bytes:
    """Value of the row of delays."""
    return bytes([VERSION]) + b"".join(_DELAY.pack(*delay) for delay in delays)


def decode_delays(value: bytes) -> list[tuple[float, float]]:
    """The row of delays."""
    if value[:1] != bytes([VERSION]) or (len(value) - 1) % _DELAY.size:
        raise RowError(unreadable("a row of delays", value))
    return list(_DELAY.iter_unpack(memoryview(value)[1:]))


def unreadable(what: str, value: bytes) -> str:
    """What `RowError` says of a row of another version."""
    version = value[0] if value else None
    return (
        f"expected {what} of version {VERSION}, found version {version} in {len(value)} bytes; was "
        "it written by a newer release?"
    )
