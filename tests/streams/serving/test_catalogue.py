"""The catalogue: what can be shown."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from streams.serving.catalogue import NO_GROUP, CatalogueView
from streams.serving.counts_view import Index
from tests.streams.making import record


def put(view: CatalogueView, item: str, at_s: float = 5.0, **fields: object) -> None:
    view.put(item, msgspec.json.encode({"item_id": item, **fields}), at_s)


def available(view: CatalogueView, *exclude: str) -> dict[str, bool]:
    found = view.catalogue(exclude, None)
    return dict(zip(view.items.names, found.available.tolist(), strict=True))


def test_described_items_can_be_shown_and_others_cannot() -> None:
    items = Index()
    items.number("seen in impressions only")
    view = CatalogueView(items)
    put(view, "a")
    put(view, "sold out", available=False)
    assert available(view) == {"seen in impressions only": False, "a": True, "sold out": False}
    assert [view.may_show(item) for item in ("a", "sold out", "unknown")] == [True, False, False]


def test_for_users_who_produce_no_items_all_that_is_known_can_be_shown() -> None:
    items = Index()
    items.number("seen")
    view = CatalogueView(items)
    assert available(view) == {"seen": True}
    assert view.may_show("anything")


def test_a_withdrawn_item_is_gone_until_it_comes_back() -> None:
    view = CatalogueView(Index())
    put(view, "a")
    view.put("a", None, 6.0)
    assert available(view) == {"a": False}
    assert not view.may_show("a")
    put(view, "a")
    assert available(view) == {"a": True}


def test_excluded_items_cannot_be_shown_and_unknown_ones_do_not_matter() -> None:
    view = CatalogueView(Index())
    put(view, "a")
    put(view, "b")
    assert available(view, "a", "never heard of") == {"a": False, "b": True}


def test_categories_are_groups_and_the_first_time_an_item_came_is_kept() -> None:
    view = CatalogueView(Index())
    put(view, "a", at_s=5.0, category="x")
    put(view, "b", at_s=6.0)
    put(view, "c", at_s=7.0, category="x")
    put(view, "a", at_s=9.0, category="y")
    found = view.catalogue((), None)
    assert found.first_seen_s.tolist() == [5.0, 6.0, 7.0]
    assert found.group[1] == NO_GROUP
    assert found.group[0] != found.group[2]
    assert np.issubdtype(found.group.dtype, np.int32)


@pytest.mark.parametrize("value", [b"{", b'{"item_id": 3}', b'{"item_id":"a","vector":["x"]}'])
def test_a_record_that_cannot_be_read_changes_nothing(value: bytes) -> None:
    view = CatalogueView(Index())
    put(view, "a", title="good")
    version = view.version
    view.apply([record(value, b"a", "items"), record(value, None, "items")])
    assert view.version == version
    assert view.described["a"].title == "good"


def test_records_are_applied_with_their_time_and_partition() -> None:
    view = CatalogueView(Index())
    view.apply([record(b'{"item_id":"a"}', b"a", "items", 3)])
    assert view.partition == {"a": 3}
    assert view.catalogue((), None).first_seen_s.tolist() == [1_700_000_000.0]
