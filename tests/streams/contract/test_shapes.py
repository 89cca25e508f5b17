"""Shapes: what a value looks like, and nothing of what it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.shapes import MOST, SHOWN_AS_THEY_ARE, shape


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Anna-1984@x.org", "Aa-9@a.a, 15 characters"),
        ('"u1"', '"a9", 4 characters'),
        ("\x00\x00\x01u1", "?a9, 5 characters"),
        ("7", "9, 1 character"),
        ("", "empty"),
    ],
)
def test_kinds_of_characters_stand_in_their_order(text: str, found: str) -> None:
    assert shape(text) == found


@given(st.text(max_size=600))
def test_nothing_of_the_value_is_in_its_shape_and_its_length_is_bounded(text: str) -> None:
    kinds, _, length = shape(text).rpartition(", ")
    assert len(kinds) <= MOST + 3
    if text:
        assert set(kinds) <= set("Aa9?." + SHOWN_AS_THEY_ARE)
        assert length.split()[0] == str(len(text))
