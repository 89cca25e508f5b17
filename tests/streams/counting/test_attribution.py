"""Attribution: each rule as a claim, with numbers that fit on paper."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from streams.contract.count_rows import decode_count_key
from streams.contract.events import Click, Impression, decode_click, decode_impression
from streams.counting.chunk import SLATES, Refusal
from streams.counting.partition import Partition
from streams.counting.rows import WAITING, Seen, items_of
from streams.counting.rules import Rules
from streams.counting.slate_log import MAX_SLATE_ITEMS, OVERFULL
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
    note_slate,
    partition_on,
    totals,
)

LATE_S = WINDOW_S + 1


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def count(
    partition: Partition, *events: Impression | Click, rules: Rules = RULES, now_s: float = NOW_S
) -> None:
    """Each event in a run of its own, in order."""
    for event in events:
        run: Sequence[Any] = [event]
        (count_impressions if isinstance(event, Impression) else count_clicks)(
            partition, run, rules, now_s
        )


def outcome(partition: Partition, name: str) -> int:
    return sum(
        events for (what, _segment), events in partition.outcome_counts.items() if what == name
    )


def conversion(at_s: float, value: float = 1.0, item: str = "i") -> Click:
    return click("s", item, at_s, "conversion", value)


def test_an_impression_and_its_click_are_counted_with_the_clicks_value(
    partition: Partition,
) -> None:
    count(partition, impression(), click(at_s=5, value=2.5))
    assert totals(partition) == {("default", "i"): (1, 1, 0, 2.5)}


def test_whatever_is_sent_twice_counts_once(partition: Partition) -> None:
    count(
        partition,
        impression(),
        impression(at_s=1),
        click(at_s=5),
        click(at_s=6),
        conversion(7),
        conversion(8),
    )
    assert outcome(partition, "duplicate") == 3
    assert totals(partition) == {("default", "i"): (1, 1, 1, 2)}


def test_a_slate_sent_twice_changes_no_counts(tmp_path: Path) -> None:
    """Impressions are added up before it is known whether they were seen: what was is
    taken back.
    """
    partition = partition_on(tmp_path)
    slate = [
        impression("s", item, segment=segment) for segment in ("x", None) for item in ("i", "j")
    ]
    count_impressions(partition, slate, RULES, NOW_S)
    flush(partition)
    count_impressions(partition, [*slate, impression("s", "k", segment="x")], RULES, NOW_S)
    changes = partition.take_changes()
    assert changes is not None
    assert [decode_count_key(key) for key, _ in changes.counts[:-2]] == [("x", "k")]
    assert changes.outcome_counts == {("duplicate", "x"): 4, ("impression", "x"): 1}


def test_items_of_one_slate_and_slates_of_one_item_count_apart(partition: Partition) -> None:
    count(
        partition,
        impression("a", "i"),
        impression("a", "j"),
        impression("b", "i"),
        click("b", "i", 1),
    )
    assert totals(partition) == {("default", "i"): (2, 1, 0, 1), ("default", "j"): (1, 0, 0, 0)}


def test_a_click_that_comes_before_its_impression_waits_for_it(partition: Partition) -> None:
    count(partition, click(at_s=5))
    assert outcome(partition, "waiting") == 1
    assert partition.counts == {}
    count(partition, impression())
    assert totals(partition) == {("default", "i"): (1, 1, 0, 1)}


def test_a_waiting_click_sent_twice_is_a_duplicate_and_the_earliest_counts(
    partition: Partition,
) -> None:
    count(partition, click(at_s=LATE_S, value=9), click(at_s=5, value=2), impression())
    assert (
        outcome(partition, "waiting"),
        outcome(partition, "duplicate"),
        outcome(partition, "late"),
    ) == (1, 1, 0)
    assert totals(partition) == {("default", "i"): (1, 1, 0, 2)}


def test_a_click_in_the_last_instant_of_the_window_counts_and_one_after_it_earns_nothing(
    partition: Partition,
) -> None:
    count(
        partition,
        impression("a"),
        click("a", at_s=WINDOW_S),
        impression("b"),
        click("b", at_s=LATE_S),
    )
    assert outcome(partition, "late") == 1
    assert totals(partition) == {("default", "i"): (2, 1, 0, 1)}


def test_a_late_click_that_waited_earns_nothing_either(partition: Partition) -> None:
    count(partition, click(at_s=LATE_S), impression())
    assert outcome(partition, "late") == 1
    assert totals(partition) == {("default", "i"): (1, 0, 0, 0)}


def test_a_late_click_does_not_keep_one_in_time_from_counting(partition: Partition) -> None:
    count(partition, impression(), click(at_s=LATE_S), click(at_s=5))
    assert totals(partition) == {("default", "i"): (1, 1, 0, 1)}


def test_a_click_before_its_impressions_time_counts(partition: Partition) -> None:
    """Clocks of browsers differ: -3 s is within the window."""
    count(partition, impression(at_s=3), click(at_s=0))
    assert totals(partition) == {("default", "i"): (1, 1, 0, 1)}


def test_a_conversion_within_the_attribution_window_needs_no_click(partition: Partition) -> None:
    count(partition, impression(), conversion(WINDOW_S, value=30))
    assert totals(partition) == {("default", "i"): (1, 0, 1, 30)}


def test_a_later_conversion_needs_a_click_on_its_slate(partition: Partition) -> None:
    count(partition, impression(), conversion(LATE_S))
    assert totals(partition) == {("default", "i"): (1, 0, 0, 0)}
    count(partition, impression(item="j"), click(item="j", at_s=5))
    assert totals(partition) == {("default", "i"): (1, 0, 1, 1), ("default", "j"): (1, 1, 0, 1)}


def test_a_late_click_is_no_click_for_a_conversion(partition: Partition) -> None:
    count(partition, impression(), click(at_s=LATE_S), conversion(LATE_S + 1))
    assert totals(partition) == {("default", "i"): (1, 0, 0, 0)}


def test_a_conversion_after_its_own_window_earns_nothing(partition: Partition) -> None:
    count(partition, impression(), click(at_s=1), conversion(CONVERSION_WINDOW_S + 1))
    assert outcome(partition, "late") == 1
    assert totals(partition) == {("default", "i"): (1, 1, 0, 1)}


def test_a_conversion_that_waits_for_a_click_does_not_count_beside_one_that_did_not_wait(
    partition: Partition,
) -> None:
    count(partition, impression(), conversion(LATE_S), conversion(5), click(at_s=6))
    assert totals(partition) == {("default", "i"): (1, 1, 1, 2)}


def test_waiting_feedback_of_all_kinds_is_settled_by_the_impression(partition: Partition) -> None:
    """The click first, since the conversion needs it."""
    count(partition, conversion(LATE_S, value=7), click(at_s=1), impression())
    row = partition.slate("s")
    assert row is not None
    seen = items_of(row)["i"]
    assert isinstance(seen, Seen)
    assert not seen.bits & WAITING
    assert totals(partition) == {("default", "i"): (1, 1, 1, 8)}


def test_the_segment_is_the_impressions_own_then_the_slates_then_the_contexts_then_default(
    partition: Partition,
) -> None:
    rules = RULES._replace(segment_fields=("age", "vip"))
    note_slate(partition, "ours", "by-the-slate", rules=rules)
    context = {"age": "30", "vip": True, "n": 1.0}
    count(
        partition,
        impression("ours", "own", segment="own", context=context),
        impression("ours", "slate", context=context),
        impression("theirs", "context", context=context),
        impression("theirs", "some", context={"age": 2.5}),
        impression("theirs", "default", context={"n": 1.0}),
        rules=rules,
    )
    assert {item: segment for segment, item in totals(partition)} == {
        "own": "own",
        "slate": "by-the-slate",
        "context": "age=30,vip=true",
        "some": "age=2.5",
        "default": "default",
    }


def test_feedback_goes_to_the_segment_of_its_impression(partition: Partition) -> None:
    count(
        partition,
        impression(item="a", segment="x"),
        impression(item="b", segment="y"),
        click(item="a"),
        click(item="b"),
    )
    assert totals(partition) == {("x", "a"): (1, 1, 0, 1), ("y", "b"): (1, 1, 0, 1)}
    assert partition.outcome_counts == {}


def test_outcomes_are_tallied_by_segment(partition: Partition) -> None:
    count(
        partition,
        impression(segment="x"),
        impression(segment="x"),
        click(at_s=LATE_S),
        click(item="unseen"),
    )
    partition.add_shown()
    assert partition.outcome_counts == {
        ("impression", "x"): 1,
        ("duplicate", "x"): 1,
        ("late", "x"): 1,
        ("waiting", "x"): 1,
    }


def test_an_impression_is_worth_the_examination_of_its_position(partition: Partition) -> None:
    """Weights 1, 0.5, 0.25 and the last one beyond: 1 + 0.5 + 0.25 + 0.25 = 2 looks in 4
    impressions.
    """
    rules = RULES._replace(examination=(1.0, 0.5, 0.25))
    for position in (0, 1, 2, 9):
        count(partition, impression(f"s{position}", position=position), rules=rules)
    row = partition.count(("default", "i"))
    assert (row.impressions, row.examined) == (4, 2)


def test_with_a_half_life_what_is_old_counts_for_less(tmp_path: Path) -> None:
    """Half-life 10 s. Impressions at 0, 10 and 20: 1/4 + 1/2 + 1 = 1.75. A click at 10: 1/2. The
    totals stay whole.
    """
    partition = partition_on(tmp_path, half_life_s=10.0)
    rules = RULES._replace(half_life_s=10.0)
    for at_s in (0.0, 10.0, 20.0):
        count(partition, impression(f"s{at_s}", at_s=at_s), rules=rules)
    count(partition, click("s0.0", at_s=10, value=4), rules=rules)
    row = partition.count(("default", "i"))
    assert row.reference_s == START_S + 20
    assert row.fresh() == pytest.approx((1.75, 0.5, 0.0, 2.0, 1.75))
    assert row.totals() == (3, 1, 0, 4, 3)


def test_with_a_half_life_the_order_of_events_does_not_matter(tmp_path: Path) -> None:
    rules = RULES._replace(half_life_s=10.0)
    rows = []
    for number, order in enumerate(((0.0, 10.0, 20.0), (20.0, 0.0, 10.0), (10.0, 20.0, 0.0))):
        partition = partition_on(tmp_path / str(number), half_life_s=10.0)
        for at_s in order:
            count(partition, impression(f"s{at_s}", at_s=at_s), rules=rules)
        rows.append(partition.count(("default", "i")))
    for row in rows:
        assert row.fresh() == pytest.approx((1.75, 0.0, 0.0, 0.0, 1.75))


def test_an_event_from_a_clock_that_runs_ahead_does_not_discount_the_others_to_nothing(
    tmp_path: Path,
) -> None:
    partition = partition_on(tmp_path, half_life_s=10.0)
    rules = RULES._replace(half_life_s=10.0)
    now_s = START_S + 10
    count(
        partition,
        impression("a"),
        impression("b", at_s=10**6),
        click("b", at_s=10**6),
        rules=rules,
        now_s=now_s,
    )
    row = partition.count(("default", "i"))
    assert row.reference_s == now_s
    assert row.fresh() == pytest.approx((1.5, 1.0, 0.0, 1.0, 1.5))


def test_stream_time_is_the_largest_event_time_but_never_the_future(partition: Partition) -> None:
    count(
        partition,
        impression("a", at_s=7),
        impression("b", at_s=3),
        click("a", at_s=11),
        now_s=NOW_S,
    )
    assert partition.stream_s == {"impressions": START_S + 7, "clicks": START_S + 11}
    count(partition, impression("c", at_s=10**6), click("c", at_s=10**6), now_s=START_S + 50)
    assert partition.stream_s == {"impressions": START_S + 50, "clicks": START_S + 50}


def test_a_slate_moves_stream_time_and_the_first_slate_of_an_id_stays(
    partition: Partition,
) -> None:
    note_slate(partition, "s", "x")
    note_slate(partition, "s", "y", at_s=1, policy="v2")
    row = partition.slate("s")
    assert row is not None
    assert (row.segment, row.policy) == ("x", "v1")
    assert partition.stream_s[SLATES] == START_S + 1


def test_times_as_text_and_as_numbers_are_the_same_time(partition: Partition) -> None:
    written = decode_impression(
        b'{"slate_id":"s","user_id":"u","item_id":"i","position":0,"ts":"2001-09-09T01:56:40Z"}'
    )
    # 100 s later
    in_time = decode_click(
        b'{"slate_id":"s","user_id":"u","item_id":"i","ts":"2001-09-09T02:58:20+01:00"}'
    )
    count(partition, written, in_time)
    assert partition.stream_s == {"impressions": 1e9 + 600, "clicks": 1e9 + 700}
    assert totals(partition) == {("default", "i"): (1, 1, 0, 0)}


def test_one_slate_id_for_everything_is_refused_beyond_the_limit_and_the_row_stays_bounded(
    partition: Partition,
) -> None:
    events = [impression("same", f"item-{number}") for number in range(MAX_SLATE_ITEMS + 2)]
    clicks = [click("same", "item-5"), click("same", "beyond")]
    refused = count_impressions(partition, events, RULES, NOW_S)
    refused += count_clicks(partition, clicks, RULES, NOW_S)
    row = partition.slate("same")
    assert row is not None
    assert len(items_of(row)) == MAX_SLATE_ITEMS
    assert refused == [Refusal(at, OVERFULL) for at in (1000, 1001, 1)]
    assert totals(partition)["default", "item-5"] == (1, 1, 0, 1)
