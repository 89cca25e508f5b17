"""Place rows of the counts changelog: where slates of this project showed an item, and where it was
clicked, from which is learned how often places are looked at (`bandits.learning.places`).

    key    b"L" | length of segment, u16 | segment | item_id      as of a counts row
    value  version u8 = 1 | n x (band of places u8, impressions u32, clicks u32)      little-endian
                            since the beginning, of one partition

Bands are those of `bandits.learning.places.BANDS`. They are written in the flush that makes the
counts durable, and only where the policy file learns places.
"""

import struct
from collections.abc import Sequence

from bandits.learning.places import BANDS
from streams.contract.count_rows import (
    COUNTS_PREFIX,
    RowError,
    decode_count_key,
    encode_count_key,
    unreadable,
)

VERSION = 1
PLACES_PREFIX = b"L"

# impressions and clicks of the bands by turns: 2 x n_bands numbers
PlaceRow = list[int]

_BAND = struct.Struct("<BII")


def no_places() -> PlaceRow:
    """A row of zeros."""
    return [0] * (2 * len(BANDS))


def encode_place_key(segment: str, item_id: str) -> bytes:
    """Key of a place row."""
    return PLACES_PREFIX + encode_count_key(segment, item_id)[1:]


def decode_place_key(key: bytes) -> tuple[str, str]:
    """(segment, item_id) of a place row's key."""
    if key[:1] != PLACES_PREFIX:
        msg = f"expected the key of a place row, found {key[:40]!r}"
        raise RowError(msg)
    return decode_count_key(COUNTS_PREFIX + key[1:])


def encode_places(row: Sequence[int]) -> bytes:
    """Value of a place row.

    Examples
    --------
    >>> row = no_places()
    >>> row[2], row[3] = 7, 1
    >>> decode_places(encode_places(row)) == row
    True
    """
    found = [
        _BAND.pack(band, row[2 * band], row[2 * band + 1])
        for band in range(len(BANDS))
        if row[2 * band] or row[2 * band + 1]
    ]
    return bytes([VERSION]) + b"".join(found)


def decode_places(value: bytes) -> PlaceRow:
    """A place row."""
    if value[:1] != bytes([VERSION]) or (len(value) - 1) % _BAND.size:
        raise RowError(unreadable("a place row", value))
    row = no_places()
    for band, shown, clicks in _BAND.iter_unpack(memoryview(value)[1:]):
        if band >= len(BANDS):
            raise RowError(unreadable("a place row", value))
        row[2 * band], row[2 * band + 1] = shown, clicks
    return row
