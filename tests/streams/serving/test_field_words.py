"""Which fields matter, in words: of a serving process, and of the counts alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from bandits.slates.config import DEFAULT
from bandits.slates.config_file import parse_config
from streams.contract.http import SegmentFieldsPage
from streams.serving import field_words
from streams.serving.field_words import fields_page, learn_fields
from tests.streams.making import settings
from tests.streams.serving.world import ITEMS, World


def rows() -> list[dict[str, Any]]:
    """Who is old clicks item 1 and who is young item 2, in every city alike."""
    return [
        {
            "segment": f"age={age},city={city}",
            "item_id": item,
            "impressions": 500,
            "clicks": 100 if item == liked else 5,
        }
        for age, liked in (("old", ITEMS[1]), ("young", ITEMS[2]))
        for city in "ABCD"
        for item in ITEMS
    ]


@pytest.fixture
def page(tmp_path: Path) -> SegmentFieldsPage:
    """As a serving process says it."""
    world = World(tmp_path, fields="age,city")
    for row in rows():
        world.count(row["segment"], row["item_id"], row["impressions"], row["clicks"])
    world.turn()
    state = world.builder.state
    assert state is not None
    return fields_page(DEFAULT, state.world.learned, state.fields)


def test_the_field_that_matters_comes_first_and_says_why(page: SegmentFieldsPage) -> None:
    age, city = page.fields
    assert (age.field, age.values, age.apart, age.together) == ("age", 2, True, [])
    assert age.gain_nats > 50
    assert "differ in what they click" in age.text
    assert (city.field, city.values, city.apart, city.clicks) == ("city", 4, False, None)
    assert "nothing" in city.text
    assert (page.segments, page.combinations, page.groups) == ("learn", 8, 2)
    assert "8 segments with counts are served as 2: by age" in page.text
    msgspec.json.encode(page)


def test_the_counts_alone_say_the_same(
    page: SegmentFieldsPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_words, "read_counts", lambda _settings: iter(rows()))
    own = settings(tmp_path, SLATESTREAM_SEGMENT_FIELDS="age,city")
    alone = learn_fields(own, DEFAULT)
    assert [row.apart for row in alone.fields] == [row.apart for row in page.fields]
    assert alone.groups == 2
    every = learn_fields(own, parse_config('segments = "all"'))
    assert (every.groups, every.fields) == (8, [])
    assert "segments = 'all'" in every.text


def test_without_counts_and_without_fields_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(field_words, "read_counts", lambda _settings: iter([]))
    empty = learn_fields(settings(tmp_path, SLATESTREAM_SEGMENT_FIELDS="age,city"), DEFAULT)
    assert (empty.combinations, [row.apart for row in empty.fields]) == (0, [False, False])
    none = learn_fields(settings(tmp_path), DEFAULT)
    assert "fewer than two" in none.text
