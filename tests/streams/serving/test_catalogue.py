"""The catalogue: what can be shown."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from streams.serving.catalogue import NO_GROUP, CatalogueView
from streams.serving.counts_view import Index
from tests.streams.making import record

MAX_BYTES = 1000


def put(view: CatalogueView, item: str, at_s: float = 5.0, **fields: object) -> None:
    view.put(item.encode(), msgspec.json.encode({"item_id": item, **fields}), at_s)


def available(view: CatalogueView) -> dict[str, bool]:
    found = view.catalogue(None)
    return dict(zip(view.items.names, found.available.tolist(), strict=True))


def test_described_items_can_be_shown_and_others_cannot() -> None:
    items = Index()
    items.number("seen in impressions only")
    view = CatalogueView(items, MAX_BYTES)
    put(view, "a")
    put(view, "sold out", available=False)
    assert available(view) == {"seen in impressions only": False, "a": True, "sold out": False}
    assert [view.may_show(item) for item in ("a", "sold out", "unknown")] == [True, False, False]


def test_for_users_who_produce_no_items_all_that_is_known_can_be_shown() -> None:
    items = Index()
    items.number("seen")
    view = CatalogueView(items, MAX_BYTES)
    assert available(view) == {"seen": True}
    assert view.may_show("anything")


def test_a_withdrawn_item_is_gone_until_it_comes_back() -> None:
    view = CatalogueView(Index(), MAX_BYTES)
    put(view, "a")
    view.put(b"a", None, 6.0)
    assert available(view) == {"a": False}
    assert not view.may_show("a")
    put(view, "a")
    assert available(view) == {"a": True}


def test_categories_are_groups_and_the_first_time_an_item_came_is_kept() -> None:
    view = CatalogueView(Index(), MAX_BYTES)
    put(view, "a", at_s=5.0, category="x")
    put(view, "b", at_s=6.0)
    put(view, "c", at_s=7.0, category="x")
    put(view, "a", at_s=9.0, category="y")
    found = view.catalogue(None)
    assert found.first_seen_s.tolist() == [5.0, 6.0, 7.0]
    assert found.group[1] == NO_GROUP
    assert found.group[0] != found.group[2]
    assert np.issubdtype(found.group.dtype, np.int32)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"a", b"{"),
        (b"a", b'{"item_id": 3}'),
        (b"a", b'{"item_id":"a","vector":["x"]}'),
        (b"A", b'{"item_id":"a","title":"another case"}'),
        (b'"a"', b'{"item_id":"a","title":"in quotes"}'),
        (b"a", b'{"item_id":"a","text":"' + b"x" * MAX_BYTES + b'"}'),
        (None, b'{"item_id":"a"}'),
    ],
)
def test_a_record_that_is_refused_changes_nothing_and_is_shown_nowhere(
    key: bytes | None, value: bytes
) -> None:
    view = CatalogueView(Index(), MAX_BYTES)
    put(view, "a", title="good")
    version = view.version
    assert view.apply([record(value, key, "items")]) == []
    assert view.version == version
    assert view.described["a"].title == "good"
    assert view.items.names == ["a"]


def test_records_are_applied_with_their_time_and_say_what_they_changed() -> None:
    view = CatalogueView(Index(), MAX_BYTES)
    assert view.apply([record(b'{"item_id":"a"}', b"a", "items", 3)]) == ["a"]
    assert view.catalogue(None).first_seen_s.tolist() == [1_700_000_000.0]


def test_a_catalogue_that_was_handed_out_does_not_change() -> None:
    view = CatalogueView(Index(), MAX_BYTES)
    for number in range(300):
        put(view, f"i{number}")
    found = view.catalogue(None)
    put(view, "i0", available=False)
    assert found.available.all()
    assert not view.catalogue(None).available[0]
