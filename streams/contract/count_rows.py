"""Rows of the counts changelog, by which counting and serving are joined.

    key    b"C" | length of segment, u16 | segment | item_id      (UTF-8, integers little-endian)
    value  version u8 = 1 | totals 5 x f64                           half-life off
           version u8 = 2 | totals 5 x f64 | discounted 5 x f64 | reference time f64

    key    b"D"                           of each partition, for readers of the log: no state
    value  version u8 = 1 | n x (seconds from impression to click f64, time of the impression f64)
                          a sample of the clicks that the flush counted

A row of another version is refused with `RowError`, never guessed at.
"""

import struct
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

VERSION = 1
VERSION_DISCOUNTED = 2
COUNTS_PREFIX = b"C"
DELAYS_KEY = b"D"

_TOTALS = struct.Struct("<B5d")
_DISCOUNTED = struct.Struct("<B11d")
_PLAIN_ROW = np.dtype([("version", "u1"), ("totals", "<f8", 5)])
_DISCOUNTED_ROW = np.dtype([("version", "u1"), ("totals", "<f8", 5), ("fresh", "<f8", 6)])
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
    raise RowError(unreadable("a counts row", value))


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
