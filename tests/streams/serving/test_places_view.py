"""The places view: the last row of each partition counts."""

from __future__ import annotations

import pytest

from streams.contract.count_rows import encode_count_key
from streams.contract.place_rows import encode_place_key, encode_places, no_places
from streams.serving import places_view
from streams.serving.counts_view import Index
from streams.serving.places_view import PlacesView
from tests.streams.making import record


def place(segment: str, item: str, partition: int, shown: int, clicks: int = 0):
    row = no_places()
    row[2], row[3] = shown, clicks
    return record(encode_places(row), encode_place_key(segment, item), partition=partition)


def test_partitions_add_up_and_a_row_replaces_the_one_before() -> None:
    view = PlacesView(Index(), Index())
    view.apply([place("x", "a", 0, 3), place("x", "a", 1, 4, 1), place("y", "b", 0, 9)], 0.0)
    view.apply([place("x", "a", 0, 5, 2), record(b"\x01", encode_count_key("x", "a"))], 0.0)
    placed = view.placed()
    assert placed.segments.tolist() == [0, 0, 1]
    assert placed.items.tolist() == [0, 0, 1]
    assert placed.shown[:, 1].tolist() == [5, 4, 9]
    assert placed.clicks[:, 1].tolist() == [2, 1, 0]
    view.apply([record(None, encode_place_key("x", "a"))], 0.0)
    assert view.placed().shown[:, 1].tolist() == [0, 4, 9]


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_view, "MOST_ROWS", 300)
    view = PlacesView(Index(), Index())
    view.apply([place("x", f"i{number}", 0, 1) for number in range(400)], 0.0)
    assert view.placed().shown.shape[0] == 300
