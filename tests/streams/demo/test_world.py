"""The world: real where the data are, and otherwise invented and said to be."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from streams.contract.events import decode_item
from streams.demo import visitors, world
from streams.demo.films import DataError, film_items
from streams.demo.world import INVENTED_ITEMS, RESEARCH_USE, World, make_world


def have_films() -> bool:
    try:
        film_items()
    except DataError:
        return False
    return True


FILMS = pytest.mark.skipif(
    not have_films(), reason="bokeh-sampledata is not installed (requirements-data.txt)"
)
MOVIELENS = pytest.mark.skipif(
    visitors.folder() is None, reason="recbole is not installed (requirements-data.txt)"
)


def check(made: World) -> None:
    n_segments, n_items = made.rates.shape
    assert len(made.items) == n_items == len({item["item_id"] for item in made.items})
    assert len(made.segments) == n_segments == 8
    assert ((made.rates > 0) & (made.rates < 1)).all()
    assert made.segment_of.shape == (len(made.visitors),)
    assert made.order.max() < len(made.visitors)
    for n in (0, len(made.visitors) - 1):
        person = made.visitors[n]
        assert made.segments[made.segment_of[n]] == f"age={person.age},gender={person.gender}"
    for item in made.items:
        decode_item(msgspec.json.encode(item))


@FILMS
@MOVIELENS
def test_with_all_packages_the_clicks_are_real_and_research_use_is_on_the_screen() -> None:
    made = make_world(np.random.default_rng(1))
    check(made)
    assert made.real
    assert RESEARCH_USE in made.notices
    assert len(made.items) > 1200


@FILMS
def test_without_movielens_the_films_are_real_and_the_clicks_are_said_to_be_invented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(visitors, "folder", lambda: None)
    made = make_world(np.random.default_rng(1))
    check(made)
    assert not made.real
    assert made.notices[0] == "films: bokeh-sampledata (CC0)"
    assert "clicks are invented: recbole" in made.notices[1]
    assert made.items[0]["item_id"].startswith("tt")


def test_without_any_data_package_items_and_clicks_are_said_to_be_invented(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def absent() -> list[dict[str, object]]:
        raise DataError

    monkeypatch.setattr(world, "film_items", absent)
    made = make_world(np.random.default_rng(1))
    check(made)
    assert len(made.items) == INVENTED_ITEMS
    assert "items and clicks are invented" in made.notices[0]
    assert "requirements-data.txt" in made.notices[0]


def test_the_same_seed_invents_the_same_world() -> None:
    items = [{"item_id": str(n)} for n in range(20)]
    first = world.invented(items, [], np.random.default_rng(5))
    second = world.invented(items, [], np.random.default_rng(5))
    np.testing.assert_array_equal(first.rates, second.rates)
    np.testing.assert_array_equal(first.order, second.order)
