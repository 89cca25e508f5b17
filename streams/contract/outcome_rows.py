"""Outcome rows of the counts changelog: what became of the slates that this project made, added up
in each partition, and written in the flush that makes its counts durable.

    key    b"V" | kind u8 | hour u32 big-endian | msgpack of names
           b"S"  variant, policy version, forced        slates of an hour, as units of their own
           b"U"  variant, policy version, user group    the same of a day, by groups of users
           b"G"  variant, segment                       what balance and exploration need, by hour
    value  version u8 = 1 | sums, f64 little-endian each; none: forgotten

An hour is that of the slate's time, in hours since the epoch; whatever happens to a slate later is
added to it. `forced` is 1 for users whom the policy file names: no chance gave them their variant,
and they stand in no other row. A user group is `zlib.crc32(user) mod USER_GROUPS` within the
partition: users never part from theirs, so sums over groups vary as users do.

A weight is one over the probability that the slate's user got the variant: weights of every variant
add up to the same number of slates, whatever the shares were (Horvitz & Thompson, 1952).
"""

import struct
import zlib
from typing import NamedTuple

import msgspec

from streams.contract.count_rows import RowError, unreadable

VERSION = 1
OUTCOMES_PREFIX = b"V"
SLATES_KIND, USERS_KIND, SEGMENTS_KIND = b"S", b"U", b"G"
USER_GROUPS = 32  # of a partition: that many degrees of freedom, at the least
HOUR_S = 3600.0
HOURS_OF_A_DAY = 24

# columns of the sums, in order; `_sq` is of the squares of each slate's number
SLATE_SUMS = (
    "offered",
    "seen",
    "clicked",
    "impressions",
    "clicks",
    "conversions",
    "value",
    "impressions_sq",
    "clicks_sq",
    "conversions_sq",
    "value_sq",
    "clicks_impressions",
)
USER_SUMS = (
    "offered",
    "offered_weight",
    "seen",
    "seen_weight",
    "clicked",
    "impressions",
    "clicks",
    "conversions",
    "value",
)
SEGMENT_SUMS = (
    "offered",
    "offered_weight",
    "seen",
    "seen_weight",
    "clicks",
    "slots",  # places that a posterior-mean slate is known for
    "explored",  # of these, with an item that it would not show
    "given_up",  # clicks that it would have got more, expected
)
COLUMNS = {SLATES_KIND: SLATE_SUMS, USERS_KIND: USER_SUMS, SEGMENTS_KIND: SEGMENT_SUMS}

Names = tuple[str | int, ...]
Sums = tuple[float, ...]


class OutcomeKey(NamedTuple):
    """Which row: its kind, hour and names."""

    kind: bytes
    hour: int
    names: Names


_HEAD = struct.Struct(">ccI")
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(tuple[str | int, ...]).decode


def user_group(user: str) -> int:
    """The group of a user within its partition."""
    return zlib.crc32(user.encode()) % USER_GROUPS


def first_key(kind: bytes, hour: int) -> bytes:
    """What stands before all keys of a kind from an hour on."""
    return _HEAD.pack(OUTCOMES_PREFIX, kind, hour)


def encode_outcome_key(key: OutcomeKey) -> bytes:
    """Key of an outcome row."""
    return first_key(key.kind, key.hour) + _pack(key.names)


def decode_outcome_key(data: bytes) -> OutcomeKey:
    """Of an outcome row."""
    try:
        prefix, kind, hour = _HEAD.unpack_from(data)
        if prefix == OUTCOMES_PREFIX and kind in COLUMNS:
            return OutcomeKey(kind, hour, _unpack(memoryview(data)[_HEAD.size :]))
    except (struct.error, msgspec.DecodeError, UnicodeDecodeError):
        pass
    msg = f"expected the key of an outcome row, found {data[:40]!r}"
    raise RowError(msg)


def encode_outcome(sums: Sums | list[float]) -> bytes:
    """Value of an outcome row."""
    return struct.pack(f"<B{len(sums)}d", VERSION, *sums)


def decode_outcome(kind: bytes, value: bytes) -> Sums:
    """The sums of a row of this kind."""
    columns = len(COLUMNS[kind])
    if value[:1] != bytes([VERSION]) or len(value) != 1 + 8 * columns:
        raise RowError(unreadable("an outcome row", value))
    return struct.unpack_from(f"<{columns}d", value, 1)
