"""Slates of this project: what the log keeps of them, and impressions that leave it to them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from streams.contract.events import EventError, Impression, SeenItem, decode_impression
from streams.counting.chunk import Refusal
from streams.counting.parse import shown
from streams.counting.partition import Partition
from streams.counting.rows import decode_slate, encode_slate, items_of, offered_of
from streams.counting.slate_log import MAX_SLATE_ITEMS, OVERFULL
from tests.streams.making import (
    NOW_S,
    RULES,
    START_S,
    WINDOW_S,
    click,
    count_clicks,
    count_impressions,
    flush,
    note_slate,
    partition_on,
    totals,
)

ITEMS = ("a", "b", "c")
WHOLE = Impression("s", "user", START_S + 1)
BY_POSITION = RULES._replace(examination=(1.0, 0.5, 0.25))


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def listed(*items: str | SeenItem, slate: str = "s", segment: str | None = None) -> Impression:
    return Impression(slate, "user", START_S + 1, items=list(items), segment=segment)


def examined(partition: Partition) -> dict[tuple[str, str], float]:
    flush(partition)
    return {key: row.examined for key, row in partition.counts.items()}


def test_the_row_keeps_what_was_offered_with_position_and_propensity(partition: Partition) -> None:
    note_slate(partition, "s", "x", ITEMS)
    row = partition.slate("s")
    assert row is not None
    stored = decode_slate(encode_slate(row))
    assert (stored.segment, stored.variant, stored.policy) == ("x", "base", "v1")
    assert offered_of(stored) == [("a", 0, 0.5), ("b", 1, 0.5), ("c", 2, 0.5)]
    assert items_of(stored) == {}


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_whole_slate_counts_each_item_once_in_whatever_order_all_comes(
    partition: Partition, order: tuple[int, ...]
) -> None:
    """The slate, its impression (twice), a click."""
    steps = [
        lambda: note_slate(partition, "s", "x", ITEMS),
        lambda: count_impressions(partition, [WHOLE, WHOLE], RULES, NOW_S),
        lambda: count_clicks(partition, [click("s", "b", 2)], RULES, NOW_S),
    ]
    for step in order:
        steps[step]()
        flush(partition)
    assert totals(partition) == {
        ("x", "a"): (1, 0, 0, 0),
        ("x", "b"): (1, 1, 0, 1),
        ("x", "c"): (1, 0, 0, 0),
    }


def test_a_whole_slate_is_weighed_by_the_places_that_were_offered(tmp_path: Path) -> None:
    partition = partition_on(tmp_path)
    note_slate(partition, "s", "x", ITEMS, rules=BY_POSITION)
    count_impressions(partition, [WHOLE], BY_POSITION, NOW_S)
    assert examined(partition) == {("x", "a"): 1.0, ("x", "b"): 0.5, ("x", "c"): 0.25}


def test_a_whole_slate_in_a_segment_of_its_own_counts_there(partition: Partition) -> None:
    note_slate(partition, "s", "x", ITEMS)
    count_impressions(
        partition, [Impression("s", "user", START_S + 1, segment="own")], RULES, NOW_S
    )
    assert {segment for segment, _ in totals(partition)} == {"own"}


def test_what_waits_for_its_slate_survives_being_written_and_is_a_duplicate_the_second_time(
    partition: Partition,
) -> None:
    count_impressions(partition, [WHOLE], RULES, NOW_S)
    count_impressions(partition, [WHOLE], RULES, NOW_S)
    row = partition.slate("s")
    assert row is not None
    assert decode_slate(encode_slate(row)).whole == (START_S + 1, None, "default")
    assert partition.outcome_counts == {("waiting", ""): 1, ("duplicate", ""): 1}


def test_a_list_has_its_places_unless_an_item_says_its_own(tmp_path: Path) -> None:
    partition = partition_on(tmp_path)
    seen = listed("a", SeenItem("b", position=0), "c", "a")
    count_impressions(partition, [seen], BY_POSITION, NOW_S)
    assert examined(partition) == {
        ("default", "a"): 1.0,
        ("default", "b"): 1.0,
        ("default", "c"): 0.25,
    }


@pytest.mark.parametrize("segment", [None, "own"])
def test_a_list_and_its_items_one_by_one_are_the_same(tmp_path: Path, segment: str | None) -> None:
    found = []
    one_by_one = [
        Impression("s", "user", START_S + 1, item, at, segment=segment)
        for at, item in enumerate(ITEMS)
    ]
    for name, events in (("list", [listed(*ITEMS, segment=segment)]), ("one", one_by_one)):
        partition = partition_on(tmp_path / name)
        note_slate(partition, "s", "x", ITEMS)
        count_impressions(partition, events, RULES, NOW_S)
        found.append(totals(partition))
    assert found[0] == found[1] == {(segment or "x", item): (1, 0, 0, 0) for item in ITEMS}


def test_a_list_between_single_items_does_not_shift_who_is_refused(partition: Partition) -> None:
    """One slate_id for everything: the record of a list is refused once."""
    fill = [listed(*(f"i{number}" for number in range(MAX_SLATE_ITEMS)), slate="full")]
    events = [
        *fill,
        Impression("t", "user", START_S, "one", 0),
        Impression("t", "user", START_S, "two", 1),
        listed("x", "y", slate="full"),
        Impression("full", "user", START_S, "z", 0),
    ]
    refused = count_impressions(partition, events, RULES, NOW_S)
    assert refused == [Refusal(3, OVERFULL), Refusal(4, OVERFULL)]
    assert len(totals(partition)) == MAX_SLATE_ITEMS + 2


def test_the_slate_lives_from_its_impression_on(partition: Partition) -> None:
    note_slate(partition, "s", "x", ITEMS)
    row = partition.slate("s")
    assert row is not None
    before_s = row.expires_s
    late = Impression("s", "user", START_S + WINDOW_S)
    count_impressions(partition, [late], RULES, NOW_S)
    assert row.expires_s >= before_s + WINDOW_S


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (b'"item_id":"i"', "missing required field `position`"),
        (b'"position":1', "missing required field `item_id`"),
        (b'"propensity":0.5', "missing required field `item_id`"),
        (b'"item_id":"i","position":0,"items":["i"]', "found both"),
        (b'"items":[]', "field `items`: expected `array` of length >= 1"),
        (b'"items":["i",""]', "length >= 1"),
        (b'"items":[{"item_id":"i","position":10000}]', "expected `int` <= 9999"),
    ],
)
def test_what_is_neither_an_item_nor_a_list_nor_a_slate_is_refused(
    event: bytes, reason: str
) -> None:
    with pytest.raises(EventError, match=reason):
        decode_impression(b'{"slate_id":"s","user_id":"u","ts":1e9,' + event + b"}")


@pytest.mark.parametrize(
    "event", [Impression("s", "u", START_S, "i"), Impression("s", "u", START_S, position=3)]
)
def test_the_quick_way_refuses_the_same(event: Impression) -> None:
    with pytest.raises(EventError, match="missing required field"):
        shown([event], RULES)
