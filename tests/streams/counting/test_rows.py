"""Rows as bytes: what is written comes back, and whatever else stands there is `RowError` and
nothing else.
"""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from streams.contract.count_rows import (
    COUNTS_PREFIX,
    Before,
    CountRow,
    RowError,
    before,
    decode_count,
    decode_count_key,
    decode_counts,
    encode_count,
    encode_count_key,
)
from streams.counting.rows import (
    CLICKED,
    POSITIONS_KEY,
    SEEN,
    WAITING_CLICK,
    Positions,
    Seen,
    SlateRow,
    decode_positions,
    decode_slate,
    encode_positions,
    encode_slate,
    items_of,
    pack_seen_items,
    rested,
    slate_expiry_s,
)

text = st.text(st.characters(codec="utf-8"), max_size=20)
number = st.floats(allow_nan=False)
waiting = st.none() | st.tuples(number, number)
seen = st.builds(
    Seen,
    bits=st.integers(0, 31),
    seen_s=number,
    segment=st.none() | text,
    waiting_click=waiting,
    waiting_conversion=waiting,
)
slate = st.builds(
    SlateRow,
    expires_s=number,
    segment=st.none() | text,
    policy=st.none() | text,
    clicked=st.booleans(),
    items=st.dictionaries(text, seen, max_size=5),
)
positions = st.builds(
    Positions,
    offsets=st.dictionaries(text, st.integers(0, 2**63 - 1), max_size=4),
    stream_s=st.dictionaries(text, number, max_size=4),
    topic_ids=st.dictionaries(text, text, max_size=4),
)


def count_row(numbers: list[float]) -> CountRow:
    row = CountRow()
    (row.impressions, row.clicks, row.conversions, row.value, row.examined) = numbers[:5]
    (
        row.fresh_impressions,
        row.fresh_clicks,
        row.fresh_conversions,
        row.fresh_value,
        row.fresh_examined,
        row.reference_s,
    ) = numbers[5:]
    return row


@given(text, text)
def test_a_counts_key_comes_back(segment: str, item_id: str) -> None:
    assert decode_count_key(encode_count_key(segment, item_id)) == (segment, item_id)


@given(st.lists(st.tuples(text, text), unique=True, max_size=20))
def test_counts_keys_differ_and_none_is_the_key_of_the_positions(
    names: list[tuple[str, str]],
) -> None:
    """("a", "bc") and ("ab", "c") are two rows."""
    keys = {encode_count_key(*name) for name in names}
    assert len(keys) == len(names)
    assert POSITIONS_KEY not in keys
    assert all(key[:1] == COUNTS_PREFIX for key in keys)


@given(st.lists(number, min_size=11, max_size=11), st.booleans())
def test_counts_come_back_and_without_a_half_life_only_the_totals_are_kept(
    numbers: list[float], discounted: bool
) -> None:
    row = count_row(numbers)
    found = decode_count(encode_count(row, 10.0 if discounted else None))
    assert found.totals() == row.totals()
    assert (found.fresh(), found.reference_s) == (
        (row.fresh(), row.reference_s) if discounted else ((0.0,) * 5, 0.0)
    )


@given(st.lists(st.tuples(st.lists(number, min_size=11, max_size=11), st.booleans()), max_size=5))
def test_many_counts_rows_come_back_as_each_of_them_does(
    given_rows: list[tuple[list[float], bool]],
) -> None:
    """With a half-life or without: also where a policy file that was changed leaves both kinds in
    one log.
    """
    values = [
        encode_count(count_row(numbers), 10.0 if discounted else None)
        for numbers, discounted in given_rows
    ]
    found = decode_counts(values) if values else None
    each = [decode_count(value) for value in values]
    if found is not None:
        assert [tuple(row) for row in found.totals] == [row.totals() for row in each]
        assert [tuple(row) for row in found.fresh] == [row.fresh() for row in each]
        assert found.reference_s.tolist() == [row.reference_s for row in each]


def test_a_row_brings_what_it_grew_by_since_the_flush_before() -> None:
    """Half-life 10 s. 8 impressions at time 0 weigh 4 at time 10, where 3 more come: 7, of which 3
    are new.
    """
    row = count_row([8, 1, 0, 2.5, 8, 8, 1, 0, 2.5, 8, 0.0])
    since = before(row, True)
    row.impressions, row.examined, row.value = 11.0, 10.0, 1.5
    row.fresh_impressions, row.fresh_examined, row.reference_s = 7.0, 6.0, 10.0
    row.fresh_clicks, row.fresh_value = 0.5, 0.25
    found = decode_counts([encode_count(row, 10.0, since)])
    assert found.added.tolist() == [[3, 0, 0, -1, 2]]
    assert found.fresh_added.tolist() == [[3, 0, 0, -1, 2]]
    assert decode_counts([encode_count(row, None, since)]).added.tolist() == [[3, 0, 0, -1, 2]]


def test_one_row_of_another_version_among_many_is_refused() -> None:
    good = encode_count(CountRow())
    with pytest.raises(RowError, match="version 7"):
        decode_counts([good, b"\x07" + good[1:]])


@given(slate)
def test_a_slate_comes_back_and_its_first_bytes_are_its_expiry(row: SlateRow) -> None:
    value = encode_slate(row)
    assert decode_slate(value) == row
    assert slate_expiry_s(value) == row.expires_s


@given(slate)
def test_a_slate_whose_items_rest_is_written_with_the_same_bytes_and_opens_to_the_same_items(
    row: SlateRow,
) -> None:
    value, items = encode_slate(row), items_of(row)
    assert rested(row) is row
    assert type(row.items) is bytes or not items
    assert encode_slate(row) == value
    assert items_of(row) == items
    assert encode_slate(row) == value


@given(st.dictionaries(st.text(), st.floats(allow_nan=False)))
def test_looks_are_the_items_of_a_slate_without_feedback(seen_items: dict[str, float]) -> None:
    row = SlateRow(60.0, "x", items=pack_seen_items(seen_items))
    assert encode_slate(row) == encode_slate(SlateRow(60.0, "x", items=dict(seen_items)))
    assert items_of(row) == seen_items


@given(positions)
def test_positions_come_back(row: Positions) -> None:
    assert decode_positions(encode_positions(row)) == row


def test_the_layouts_are_those_of_the_docstring() -> None:
    """Disks and changelogs of an earlier release are read with these bytes."""
    row = count_row([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
    assert encode_count_key("é", "i") == b"C\x02\x00\xc3\xa9i"
    since = Before((1, 1, 1, 1, 1), (4, 4, 4, 4, 4), 1.0)
    plain = struct.pack("<11d", 99, 1, 2, 3, 4, 5, 0, 1, 2, 3, 4)
    assert encode_count(row, None, since, 99.0) == b"\x01" + plain
    assert encode_count(row, 10.0, since, 99.0) == b"\x02" + plain + struct.pack(
        "<11d", *range(6, 12), 4, 5, 6, 7, 8
    )
    bits = SEEN | CLICKED | WAITING_CLICK
    packed = encode_slate(
        SlateRow(60.0, "x", None, True, {"i": Seen(bits, 5.0, None, (6.0, 1.0), None)})
    )
    assert packed[:9] == b"\x01" + struct.pack("<d", 60.0)
    assert packed[9:].hex(" ") == (
        "96 cb 40 4e 00 00 00 00 00 00 a1 78 c0 c3 81 a1 69 97 0b cb 40 14 00 00 00 00 00 00 c0 "
        "92 cb 40 18 00 00 00 00 00 00 cb 3f f0 00 00 00 00 00 00 c0 c0 c0 c2"
    )
    assert (
        encode_positions(Positions({"clicks": 3}, {}, {})).hex(" ")
        == "01 93 81 a6 63 6c 69 63 6b 73 03 80 80"
    )


@pytest.mark.parametrize("decode", [decode_count, decode_slate, decode_positions, slate_expiry_s])
@pytest.mark.parametrize("value", [b"", b"\x03" + b"\0" * 40, b"\x09anything"])
def test_another_version_is_refused_with_its_number(decode: object, value: bytes) -> None:
    with pytest.raises(
        RowError,
        match=rf"of version 1, found version {value[0] if value else None} in {len(value)} bytes",
    ):
        decode(value)  # type: ignore[operator]


DECODERS = {
    "key": decode_count_key,
    "count": decode_count,
    "slate": decode_slate,
    "positions": decode_positions,
    "expiry": slate_expiry_s,
}
DEEP = b"\x91" * 100_000  # msgpack: an array in an array in an array


@pytest.mark.parametrize("name", DECODERS)
@given(
    value=st.binary(max_size=80) | st.binary(max_size=80).map(lambda follower: b"\x01" + follower)
)
@example(value=b"\x01" + DEEP)
@example(value=b"\x01" + b"\0" * 8 + DEEP)
@example(value=b"C\xff\xffx")
@example(value=b"C\x01\x00\xff")
def test_no_bytes_raise_anything_but_row_error(name: str, value: bytes) -> None:
    try:
        DECODERS[name](value)
    except RowError:
        pass


@given(row=slate, at=st.floats(0, 1, exclude_max=True), byte=st.integers(0, 255))
def test_a_slate_row_with_a_broken_byte_is_a_row_or_row_error(
    row: SlateRow, at: float, byte: int
) -> None:
    value = bytearray(encode_slate(row))
    value[math.floor(at * len(value))] = byte
    try:
        assert isinstance(decode_slate(bytes(value)), SlateRow)
    except RowError:
        pass
