"""The text of an item: the same wherever it is made, and nothing left behind by what is absent."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.serving import text
from encoder.serving.embed import item_text as reached_by_embed
from encoder.serving.text import MAX_CHARACTERS, item_text, text_hash

WORDS = st.text(max_size=30)
ITEMS = st.fixed_dictionaries(
    {"item_id": st.text(min_size=1)},
    optional={
        "title": WORDS,
        "category": WORDS,
        "brand": WORDS,
        "text": WORDS,
        "tags": st.lists(WORDS),
        "price": st.floats(0, 1e9),
    },
)


def test_examples_of_the_docstring_are_true() -> None:
    assert doctest.testmod(text).failed == 0
    assert doctest.testmod(text).attempted > 0


def test_worker_and_batch_share_one_function() -> None:
    assert reached_by_embed is item_text


def test_absent_fields_leave_no_punctuation() -> None:
    assert item_text({"item_id": "1", "brand": "Acme", "tags": [], "text": None}) == "Acme."
    assert (
        item_text({"item_id": "1", "title": "  Mug\n\tblue ", "tags": ["", "x"]}) == "Mug blue. x."
    )


@pytest.mark.parametrize(
    ("price", "said"),
    [(12.49, "12"), (1234, "1200"), (0.996, "1"), (3.21, "3.2"), (0, "0"), (1e6, "1000000")],
)
def test_price_keeps_two_digits(price: float, said: str) -> None:
    assert item_text({"item_id": "1", "price": price}) == f"price {said}."


def test_composed_and_decomposed_letters_are_the_same_text() -> None:
    assert item_text({"title": "Cafe\u0301"}) == item_text({"title": "Caf\u00e9"})


@given(ITEMS)
def test_any_item_has_one_line_of_text(item: dict[str, object]) -> None:
    said = item_text(item)
    assert said == item_text(dict(reversed(item.items())))
    assert len(said) <= MAX_CHARACTERS
    assert "\n" not in said
    assert len(text_hash(said)) == 16


def test_different_texts_have_different_hashes() -> None:
    assert text_hash("a") != text_hash("b")
    assert text_hash("a") == "ca978112ca1bbdca"  # SHA-256 of "a" begins so (NIST example values)
