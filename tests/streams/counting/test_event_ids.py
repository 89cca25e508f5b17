"""Conversions with an event_id: each counts once by its id, the item's first as a conversion, all
with their values.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from streams.contract.events import Click
from streams.counting.chunk import Refusal
from streams.counting.feedback import MAX_EVENTS, TOO_MANY_EVENTS
from streams.counting.partition import Partition
from tests.streams.making import (
    CONVERSION_WINDOW_S,
    NOW_S,
    RULES,
    START_S,
    WINDOW_S,
    click,
    count_clicks,
    count_impressions,
    flush,
    impression,
    partition_on,
    totals,
)


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def bought(event_id: str | None, value: float, at_s: float = 1.0) -> Click:
    return Click("s", "user", "i", START_S + at_s, "conversion", value, event_id)


def count(partition: Partition, *events: object) -> list[Refusal]:
    refused = []
    for event in events:
        if isinstance(event, Click):
            refused += count_clicks(partition, [event], RULES, NOW_S)
        else:
            refused += count_impressions(partition, [event], RULES, NOW_S)  # type: ignore[list-item]
        flush(partition)  # what is remembered survives being written
    return refused


@pytest.mark.parametrize("order", list(itertools.permutations(range(5))))
def test_three_units_and_a_refund_are_one_conversion_and_the_sum_in_any_order(
    partition: Partition, order: tuple[int, ...]
) -> None:
    """5 + 7 + 7 - 5, each sent twice."""
    events = [
        impression(),
        bought("a", 5.0),
        bought("b", 7.0),
        bought("c", 7.0),
        bought("refund", -5.0),
    ]
    sent = [events[at] for at in order]
    count(partition, *sent, *sent)
    assert totals(partition) == {("default", "i"): (1, 0, 1, 14.0)}


def test_the_same_event_id_counts_once_whatever_it_says(partition: Partition) -> None:
    count(partition, impression(), bought("a", 5.0), bought("a", 9.0, at_s=2))
    assert totals(partition) == {("default", "i"): (1, 0, 1, 5.0)}
    assert partition.outcome_counts == {}


@pytest.mark.parametrize("click_first", [True, False])
def test_a_late_one_waits_for_a_click_of_its_slate(partition: Partition, click_first: bool) -> None:
    late = [bought("a", 5.0, at_s=2 * WINDOW_S), bought("b", 6.0, at_s=2 * WINDOW_S)]
    clicked = [click(at_s=1, value=0.0)]
    count(partition, impression(), *(clicked + late if click_first else late + clicked))
    assert totals(partition) == {("default", "i"): (1, 1, 1, 11.0)}
    count(partition, bought("c", 9.0, at_s=CONVERSION_WINDOW_S + 1))
    assert totals(partition) == {("default", "i"): (1, 1, 1, 11.0)}


def test_without_an_event_id_it_is_as_ever(partition: Partition) -> None:
    count(partition, impression(), bought(None, 5.0), bought(None, 7.0, at_s=2))
    assert totals(partition) == {("default", "i"): (1, 0, 1, 5.0)}
    count(partition, bought("a", 3.0))
    assert totals(partition) == {("default", "i"): (1, 0, 1, 8.0)}


def test_event_ids_of_an_item_are_bounded(partition: Partition) -> None:
    count(partition, impression())
    events = [bought(f"e{number}", 1.0) for number in range(MAX_EVENTS + 2)]
    refused = count_clicks(partition, events, RULES, NOW_S)
    assert refused == [Refusal(at, TOO_MANY_EVENTS) for at in (MAX_EVENTS, MAX_EVENTS + 1)]
    assert totals(partition) == {("default", "i"): (1, 0, 1, float(MAX_EVENTS))}


def test_what_still_waits_is_an_orphan_each(partition: Partition) -> None:
    from streams.counting.expiry import expire

    count(partition, bought("a", 1.0), bought("b", 1.0), bought(None, 1.0))
    expire(partition, START_S + 10 * WINDOW_S, 1000)
    assert partition.outcome_counts == {("orphan", ""): 3, ("expired", ""): 1}
