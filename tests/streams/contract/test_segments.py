"""The segment that a context makes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.config import MAX_FIELD_LENGTH, MAX_SEGMENT_FIELDS
from streams.contract.count_rows import decode_count_key, encode_count_key
from streams.contract.events import MAX_ID_LENGTH, EventError
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


def test_different_numbers_make_different_segments_and_equal_text_the_same() -> None:
    def of(value: object) -> str:
        return context_segment({"store": value}, ("store",))  # type: ignore[dict-item]

    assert of(1234567) == of("1234567") == of(1234567.0) == "store=1234567"
    different = (1234568, 20261129, 20261130, 2**53, 2**53 + 1, 0.1, 0.30000000000000004, 1e300)
    assert len({of(value) for value in different}) == len(different)


@given(st.text(max_size=8), st.text(max_size=8))
def test_no_value_can_pass_for_two_fields(store: str, plan: str) -> None:
    both = context_segment({"store": store, "plan": plan}, ("store", "plan"))
    assert both.count(",") == 1
    assert context_segment({"store": f"{store},plan={plan}"}, ("store", "plan")) != both


def test_null_is_absent_and_lists_and_objects_are_refused_where_they_make_the_segment() -> None:
    assert context_segment({"a": None, "b": "x", "c": [1]}, ("a", "b")) == "b=x"
    for value, kind in (([1], "a list"), ({"d": 1}, "an object")):
        with pytest.raises(EventError, match=f"`context.c`: .* found {kind}"):
            context_segment({"c": value}, ("c",))
