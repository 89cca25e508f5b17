"""The oracle on histories that fit on paper, and the histories themselves: what chaos relies on."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.kafka.history import CLICKS, IMPRESSIONS, REQUESTS, SLATES, make
from tests.kafka.oracle import Windows, differences, recount

WINDOWS = Windows(attribution_s=10.0, conversion_s=100.0, segment_fields=("tier", "age"))


def shown(item: str, ts: float, slate: str = "s", **more: Any) -> dict[str, Any]:
    return {"slate_id": slate, "item_id": item, "ts": ts, "position": 0, **more}


def reacted(
    item: str, ts: float, kind: str = "click", value: float = 1.0, slate: str = "s"
) -> dict[str, Any]:
    return {"slate_id": slate, "item_id": item, "ts": ts, "kind": kind, "value": value}


def test_click_counts_up_to_the_end_of_its_window_and_twice_as_once() -> None:
    feedback = [reacted("a", 10.0), reacted("a", 10.0), reacted("b", 10.1)]
    assert recount([shown("a", 0.0), shown("a", 0.0), shown("b", 0.0)], feedback, WINDOWS, {}) == {
        ("default", "a"): (1, 1, 0, 1.0),
        ("default", "b"): (1, 0, 0, 0.0),
    }


def test_conversion_after_the_click_window_needs_a_counted_click_of_its_slate() -> None:
    impressions = [shown("a", 0.0), shown("b", 0.0), shown("a", 0.0, slate="t")]
    feedback = [
        reacted("b", 5.0),
        reacted("a", 50.0, "conversion", 2.5),  # 50 s after; the slate has a click
        reacted("a", 50.0, "conversion", 2.5, slate="t"),  # that slate has none
        reacted("b", 101.0, "conversion", 9.0),  # beyond the conversion window
    ]
    assert recount(impressions, feedback, WINDOWS, {}) == {
        ("default", "a"): (2, 0, 1, 2.5),
        ("default", "b"): (1, 1, 0, 1.0),
    }


def test_segment_is_the_impressions_own_then_the_served_slates_then_the_contexts() -> None:
    context = {"age": "old", "other": 1, "tier": "x"}
    impressions = [
        shown("a", 0.0, segment="own", context=context),
        shown("b", 0.0, slate="served", context=context),
        shown("c", 0.0, context=context),
        shown("d", 0.0, context={"other": 1}),
    ]
    assert recount(impressions, [], WINDOWS, {"served": "asked for"}).keys() == {
        ("own", "a"),
        ("asked for", "b"),
        ("tier=x,age=old", "c"),
        ("default", "d"),
    }


def test_feedback_without_an_impression_counts_nothing() -> None:
    assert recount([], [reacted("a", 1.0)], WINDOWS, {}) == {}


def test_histories_whose_totals_depend_on_the_order_are_refused() -> None:
    with pytest.raises(ValueError, match="count"):
        recount(
            [shown("a", 0.0)],
            [reacted("a", 1.0, value=1.0), reacted("a", 2.0, value=3.0)],
            WINDOWS,
            {},
        )
    with pytest.raises(ValueError, match="differ"):
        recount([shown("a", 0.0), shown("a", 1.0)], [], WINDOWS, {})


def test_differences_names_each_cell_that_is_missing_too_many_or_wrong() -> None:
    rows = [
        {
            "segment": "x",
            "item_id": "a",
            "impressions": 1,
            "clicks": 0,
            "conversions": 0,
            "value": 0.0,
        },
        {
            "segment": "x",
            "item_id": "c",
            "impressions": 1,
            "clicks": 0,
            "conversions": 0,
            "value": 0.0,
        },
    ]
    found = differences({("x", "a"): (2, 0, 0, 0.0), ("x", "b"): (1, 0, 0, 0.0)}, rows)
    assert [line.split(":")[0] for line in found] == ["x/a", "x/b", "x/c"]


def test_history_has_all_that_it_is_for() -> None:
    history = make(random.Random(5), 1.8e9, 5000)
    sources = {event.source for event in history.events}
    assert sources == {IMPRESSIONS, CLICKS, REQUESTS, SLATES}
    assert 50 < sum(event.bad for event in history.events) < 500
    assert len(history.request_ids) == 200
    totals = [sum(column) for column in zip(*history.expected.values(), strict=True)]
    assert all(total > 0 for total in totals)
    assert {segment.split("=")[0] for segment, _item in history.expected} >= {
        "seg0",
        "tier",
        "default",
        "served0",
        "offered0",
    }
    again = make(random.Random(5), 1.8e9, 5000)
    assert again == history
