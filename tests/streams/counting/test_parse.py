"""Parsing: impressions come in runs, which hold all that each of them said, and add up to what they
are.
"""

from __future__ import annotations

import datetime
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import Impression, encode
from streams.contract.segments import context_segment
from streams.counting.parse import shown
from tests.streams.making import RULES, START_S, chunk_of, impression, seen_items

few = st.sampled_from(["a", "b", "c"])
contexts = st.none() | st.fixed_dictionaries({"page": few})
impressions = st.builds(
    Impression,
    few,
    few,
    st.floats(0, 9),
    few,
    st.integers(0, 9),
    segment=st.none() | few,
    context=contexts,
)


@given(st.lists(impressions, max_size=30))
def test_runs_hold_every_impression_in_order_with_its_segment(events: list[Impression]) -> None:
    shows = shown(iter(events), RULES._replace(segment_fields=("page",)))
    assert seen_items(shows) == [(each.slate_id, each.item_id, each.ts) for each in events]
    heads = [
        (run.segment, run.made if run.segment is None else "")
        for run in shows.runs
        for _ in range(run.size)
    ]
    made = [
        context_segment(each.context, ("page",)) if each.segment is None else "" for each in events
    ]
    assert heads == list(zip([each.segment for each in events], made, strict=True))


@given(st.lists(impressions, max_size=30))
def test_a_run_knows_its_size_and_its_largest_time_and_names_each_item_once(
    events: list[Impression],
) -> None:
    shows, at = shown(events, RULES), 0
    for run in shows.runs:
        own = events[at : at + run.size]
        assert run.newest_s == max(each.ts for each in own)  # type: ignore[type-var]
        assert len({each.item_id for each in own}) == run.size
        at += run.size
    assert at == len(events)


@given(st.lists(impressions, max_size=30))
def test_totals_are_the_impressions_that_name_a_segment(events: list[Impression]) -> None:
    shows = shown(events, RULES)
    found = {
        (segment, item): number
        for segment, items in shows.totals.items()
        for item, number in items.items()
    }
    assert found == Counter(
        (each.segment, each.item_id) for each in events if each.segment is not None
    )
    assert shows.positions == []


def test_positions_stand_beside_impressions_that_are_weighed_by_them() -> None:
    shows = shown(
        [impression("s", "i", position=4), impression("s", "j", position=0)],
        RULES._replace(half_life_s=60.0),
    )
    assert (shows.positions, shows.totals) == ([4, 0], {})


def test_times_in_words_are_seconds() -> None:
    at = datetime.datetime.fromtimestamp(START_S + 5, datetime.UTC)
    assert seen_items(shown([impression(at_s=0), Impression("s", "u", at, "j", 0)], RULES)) == [
        ("s", "i", START_S),
        ("s", "j", START_S + 5),
    ]


def test_a_bad_record_among_good_ones_is_found_alone() -> None:
    good = [encode(impression("s", f"i{number}")) for number in range(4)]
    chunk = chunk_of([*good[:2], b'{"slate_id":"s"}', *good[2:]], start=10)
    assert [item for _, item, _ in seen_items(chunk.events)] == ["i0", "i1", "i2", "i3"]
    assert [refused.original.offset for refused in chunk.refused] == [12]
    assert [chunk.original(at).offset for at in range(4)] == [10, 11, 13, 14]
