"""The segment that a context makes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.config import MAX_FIELD_LENGTH, MAX_SEGMENT_FIELDS
from streams.contract.count_rows import decode_count_key, encode_count_key
from streams.contract.events import MAX_ID_LENGTH
from streams.contract.segments import context_segment


def test_fields_stand_in_the_order_of_the_settings_and_missing_ones_are_left_out() -> None:
    assert context_segment({"b": "x", "a": 1.0, "other": "y"}, ("a", "b", "c")) == "a=1,b=x"


def test_truth_values_and_numbers_read_as_in_json() -> None:
    assert (
        context_segment({"t": True, "f": False, "n": 2.5, "i": 30.0}, ("t", "f", "n", "i"))
        == "t=true,f=false,n=2.5,i=30"
    )


def test_without_context_or_fields_or_a_match_it_is_default() -> None:
    assert [
        context_segment(None, ("a",)),
        context_segment({"a": "x"}, ()),
        context_segment({"b": "x"}, ("a",)),
    ] == ["default"] * 3


@given(st.characters(codec="utf-8"))
def test_the_longest_segment_that_settings_and_events_allow_fits_a_rows_key(character: str) -> None:
    fields = tuple(
        f"{number:02}" + character * (MAX_FIELD_LENGTH - 2) for number in range(MAX_SEGMENT_FIELDS)
    )
    segment = context_segment({field: character * MAX_ID_LENGTH for field in fields}, fields)
    assert decode_count_key(encode_count_key(segment, "i")) == (segment, "i")
