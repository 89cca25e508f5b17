"""Filters: which items fit, by brute force over the items as they are described."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import Filter, Item, PriceFilter, TagFilter
from streams.serving.facets import FacetColumns, fitting

WORDS = ["a", "b", "c", "d"]
WORD = st.sampled_from(WORDS)
SOME = st.none() | st.lists(WORD, max_size=3)
PRICE = st.none() | st.sampled_from([0.0, 1.0, 2.5, 10.0])
ITEM = st.none() | st.builds(
    Item, st.just("i"), category=st.none() | WORD, brand=st.none() | WORD, price=PRICE, tags=SOME
)
FILTER = st.builds(
    Filter,
    category=SOME,
    brand=SOME,
    tags=st.none() | st.builds(TagFilter, any=SOME, none=SOME),
    price=st.none() | st.builds(PriceFilter, min=PRICE, max=PRICE),
)


def fits(item: Item | None, wanted: Filter) -> bool:
    found = item or Item("withdrawn")
    tags, price = wanted.tags or TagFilter(), wanted.price or PriceFilter()
    own = set(found.tags or ())
    return (
        (wanted.category is None or found.category in wanted.category)
        and (wanted.brand is None or found.brand in wanted.brand)
        and (tags.any is None or bool(own & set(tags.any)))
        and (tags.none is None or not own & set(tags.none))
        and (
            (price.min is None and price.max is None)
            or (
                found.price is not None
                and (price.min is None or found.price >= price.min)
                and (price.max is None or found.price <= price.max)
            )
        )
    )


@given(
    puts=st.lists(st.tuples(st.integers(0, 5), ITEM), max_size=20),
    wanted=FILTER,
    between=st.integers(0, 20),
)
def test_an_item_fits_if_it_fits_as_it_is_described_last(
    puts: list[tuple[int, Item | None]], wanted: Filter, between: int
) -> None:
    columns, items = FacetColumns(), dict[int, Item | None]()
    for at, (number, item) in enumerate(puts):
        if at == between:
            columns.facets(6)  # what is kept must not outlive a change
        columns.put(number, item)
        items[number] = item
    found = fitting(columns.facets(6), wanted)
    assert found.tolist() == [fits(items.get(number), wanted) for number in range(6)]


def test_items_that_change_often_leave_nothing_behind_and_copies_stay_as_they_are() -> None:
    columns, rng = FacetColumns(), np.random.default_rng(1)
    now: dict[int, list[str]] = {}
    wanted = Filter(tags=TagFilter(any=["a"]))
    for turn in range(4000):
        number = int(rng.integers(500))
        now[number] = [word for word in WORDS if rng.random() < 0.5]
        columns.put(number, Item(str(number), tags=now[number]))
        if turn == 2000:
            before = columns.facets(500)
            then = fitting(before, wanted).tolist()
    assert fitting(before, wanted).tolist() == then
    found = fitting(columns.facets(500), wanted)
    assert found.tolist() == ["a" in now.get(number, []) for number in range(500)]
    assert columns._tagged.size < 8192  # 4,000 changes of two tags each


@pytest.mark.parametrize("part", ["category", "brand", "tags"])
def test_an_empty_list_fits_nothing_and_unknown_words_neither(part: str) -> None:
    columns = FacetColumns()
    columns.put(0, Item("i", category="a", brand="a", tags=["a"]))
    for words in ([], ["unheard of"]):
        said: Any = TagFilter(any=words) if part == "tags" else words
        assert not fitting(columns.facets(1), Filter(**{part: said})).any()
