"""Counts do not depend on the order of events, on chunk boundaries, on flushes between them, or on
how many rows memory holds.

The recount is brute force over the whole history at once: it knows the rules of
`streams.counting.attribution` and none of its state.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events import Click, Impression
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from tests.streams.making import (
    CONVERSION_WINDOW_S,
    NOW_S,
    RULES,
    START_S,
    WINDOW_S,
    count_clicks,
    count_impressions,
    empty,
    flush,
    totals,
)

SLATES, ITEMS = ("s1", "s2", "s3"), ("a", "b", "c")
AGES_S = (
    -5.0,
    0.0,
    50.0,
    WINDOW_S,
    WINDOW_S + 1,
    500.0,
    CONVERSION_WINDOW_S,
    CONVERSION_WINDOW_S + 1,
)
VALUE = {"click": 1.0, "conversion": 10.0}

Place = tuple[str, str]  # (slate, item)


class History(NamedTuple):
    impressions: list[Impression]
    clicks: list[Click]


@st.composite
def histories(draw: st.DrawFn) -> History:
    """Impressions and feedback of a few slates, each possibly several times, in any order, feedback
    without impressions too.
    """
    places = list(itertools.product(SLATES, ITEMS))
    segments = draw(
        st.fixed_dictionaries({place: st.sampled_from([None, "x", "y"]) for place in places})
    )
    shown_s = draw(st.fixed_dictionaries({place: st.sampled_from([0.0, 20.0]) for place in places}))
    shown = draw(st.lists(st.sampled_from(places), max_size=14))
    fed_back = draw(
        st.lists(
            st.tuples(
                st.sampled_from(places), st.sampled_from(AGES_S), st.sampled_from(list(VALUE))
            ),
            max_size=14,
        )
    )
    impressions = [
        Impression(s, "u", START_S + shown_s[s, i], i, 0, segment=segments[s, i]) for s, i in shown
    ]
    clicks = [
        Click(s, "u", i, START_S + shown_s[s, i] + age, kind, VALUE[kind])
        for (s, i), age, kind in fed_back
    ]  # type: ignore[arg-type]
    return History(impressions, clicks)


def recount(history: History) -> dict[tuple[str, str], tuple[float, float, float, float]]:
    """All of the history at once: what the rules say."""
    seen = {(e.slate_id, e.item_id): e for e in history.impressions}
    ages: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for event in history.clicks:
        place = event.slate_id, event.item_id
        if place in seen:
            ages[(*place, event.kind)].append(event.ts - seen[place].ts)  # type: ignore[operator]
    clicked = {
        (s, i) for (s, i, kind), of in ages.items() if kind == "click" and min(of) <= WINDOW_S
    }
    clicked_slates = {slate for slate, _item in clicked}
    sums: dict[tuple[str, str], list[float]] = defaultdict(lambda: [0.0] * 4)
    for (slate, item), event in seen.items():
        sum_ = sums[event.segment or "default", item]
        age_s = min(ages[slate, item, "conversion"], default=float("inf"))
        converted = age_s <= CONVERSION_WINDOW_S and (age_s <= WINDOW_S or slate in clicked_slates)
        sum_[0] += 1
        sum_[1] += (slate, item) in clicked
        sum_[2] += converted
        sum_[3] += VALUE["click"] * ((slate, item) in clicked) + VALUE["conversion"] * converted
    return {name: (row[0], row[1], row[2], row[3]) for name, row in sums.items()}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("order") / "disk")


@settings(max_examples=100)
@given(history=histories(), data=st.data())
def test_any_order_any_chunks_and_any_flushes_give_the_recount(
    shared: Disk, history: History, data: st.DataObject
) -> None:
    shown = data.draw(st.permutations(history.impressions))
    fed_back = data.draw(st.permutations(history.clicks))
    rows_in_memory = data.draw(st.sampled_from([0, 1, 3, 1000]))
    disk = empty(shared)
    partition = Partition(0, disk, rows_in_memory)
    while shown or fed_back:
        step = data.draw(st.sampled_from(["impressions", "clicks", "flush", "restart"]))
        size = data.draw(st.integers(1, 6))
        if step == "impressions":
            count_impressions(partition, shown[:size], RULES, NOW_S)
            shown = shown[size:]
        elif step == "clicks":
            count_clicks(partition, fed_back[:size], RULES, NOW_S)
            fed_back = fed_back[size:]
        else:
            flush(partition)
            if step == "restart":
                partition = Partition(0, disk, rows_in_memory)
    assert totals(partition) == recount(history)
