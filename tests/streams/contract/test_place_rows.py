"""Place rows: bytes and back, and what cannot be read is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.learning.places import BANDS
from streams.contract.count_rows import RowError, encode_count_key
from streams.contract.place_rows import (
    decode_place_key,
    decode_places,
    encode_place_key,
    encode_places,
)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=2 * len(BANDS), max_size=2 * len(BANDS)))
def test_what_is_written_is_read(row: list[int]) -> None:
    assert decode_places(encode_places(row)) == row


def test_keys_name_segment_and_item() -> None:
    assert decode_place_key(encode_place_key("age=25,ü", "i:1")) == ("age=25,ü", "i:1")
    with pytest.raises(RowError, match="key of a place row"):
        decode_place_key(encode_count_key("x", "i"))


@pytest.mark.parametrize("value", [b"", b"\x02", b"\x01abc", b"\x01" + b"\xff" * 9])
def test_other_bytes_are_refused(value: bytes) -> None:
    with pytest.raises(RowError, match="a place row"):
        decode_places(value)
