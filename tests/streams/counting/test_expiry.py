"""Forgetting: a row lives as long as its feedback may come, and not longer, on a quiet partition
too.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contract.events import Impression
from streams.counting import rocksdb as disk_module
from streams.counting.chunk import CLICKS, IMPRESSIONS
from streams.counting.expiry import expire, watermark
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
    note_slate,
    partition_on,
    totals,
    write,
)

ROUNDING_S = WINDOW_S / 8  # expiries are rounded up to this
ALL = 10_000


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def show(partition: Partition, *slates: str, at_s: float = 0.0) -> None:
    count_impressions(partition, [impression(slate, at_s=at_s) for slate in slates], RULES, NOW_S)


def forget_at(partition: Partition, at_s: float) -> None:
    flush(partition)
    expire(partition, START_S + at_s, ALL)
    flush(partition)


def remembers(partition: Partition, slate: str) -> bool:
    return partition.slate(slate) is not None


def test_a_slate_without_a_click_is_forgotten_after_two_windows(partition: Partition) -> None:
    show(partition, "s")
    forget_at(partition, 2 * WINDOW_S - 1)
    assert remembers(partition, "s")
    forget_at(partition, 2 * WINDOW_S + ROUNDING_S + 1)
    assert not remembers(partition, "s")


def test_a_slate_with_a_click_lives_for_the_conversion_window_and_one_more(
    partition: Partition,
) -> None:
    show(partition, "s")
    count_clicks(partition, [click()], RULES, NOW_S)
    forget_at(partition, CONVERSION_WINDOW_S + WINDOW_S - 1)
    assert remembers(partition, "s")
    forget_at(partition, CONVERSION_WINDOW_S + WINDOW_S + ROUNDING_S + 1)
    assert not remembers(partition, "s")


def test_a_later_impression_of_the_slate_keeps_it_longer(partition: Partition) -> None:
    show(partition, "s")
    flush(partition)
    count_impressions(partition, [impression("s", "late", at_s=WINDOW_S)], RULES, NOW_S)
    forget_at(partition, 2 * WINDOW_S + ROUNDING_S + 1)
    assert remembers(partition, "s")
    forget_at(partition, 3 * WINDOW_S + ROUNDING_S + 1)
    assert not remembers(partition, "s")


def test_a_row_made_by_an_old_event_lives_from_the_watermark_on(partition: Partition) -> None:
    """Else a replayed impression would be forgotten at once, and its clicks with it."""
    forget_at(partition, 0)
    show(partition, "old", at_s=-10 * WINDOW_S)
    forget_at(partition, WINDOW_S)
    assert remembers(partition, "old")


def test_an_old_impression_and_its_click_meet_where_slates_of_today_came_first(
    partition: Partition,
) -> None:
    """A quiet partition's clock is the newest source's: what the oldest source writes must outlive
    it.
    """
    note_slate(partition, "today", "default")
    show(partition, "old", at_s=-300 * WINDOW_S)
    forget_at(partition, 2 * WINDOW_S - 1)
    count_clicks(partition, [click("old", at_s=-300 * WINDOW_S + 1)], RULES, NOW_S)
    assert totals(partition) == {("default", "i"): (1, 1, 0, 1)}


def test_a_click_that_waits_keeps_the_slate_it_waits_in(partition: Partition) -> None:
    """The slate was served long before: its row would go while the impression is still
    on its way.
    """
    note_slate(partition, "s", "shop")
    count_clicks(partition, [click(at_s=1.5 * WINDOW_S)], RULES, NOW_S)
    forget_at(partition, 2 * WINDOW_S + ROUNDING_S + 1)
    count_impressions(partition, [impression(at_s=1.4 * WINDOW_S)], RULES, NOW_S)
    assert totals(partition) == {("shop", "i"): (1, 1, 0, 1)}


def test_what_still_waits_is_an_orphan_when_its_slate_goes(partition: Partition) -> None:
    waiting = [click("s", "i"), click("s", "j"), click("s", "j", kind="conversion")]
    count_clicks(partition, waiting, RULES, NOW_S)
    flush(partition)
    expire(partition, START_S + 2 * WINDOW_S + ROUNDING_S + 1, ALL)
    assert partition.outcome_counts == {("orphan", ""): 3, ("expired", ""): 1}


def test_an_impression_of_a_whole_slate_that_never_came_is_an_orphan(partition: Partition) -> None:
    count_impressions(partition, [Impression("s", "user", START_S)], RULES, NOW_S)
    flush(partition)
    expire(partition, START_S + 2 * WINDOW_S + ROUNDING_S + 1, ALL)
    assert partition.outcome_counts == {("orphan", ""): 1, ("expired", ""): 1}


def test_forgetting_leaves_a_tombstone_and_neither_row_nor_index_on_disk(
    partition: Partition,
) -> None:
    show(partition, "a", "b")
    flush(partition)
    count_clicks(partition, [click("a")], RULES, NOW_S)
    flush(partition)  # a stands in two entries of the index now, b in one of them
    expire(partition, START_S + 1000 * WINDOW_S, ALL)
    changes = partition.take_changes()
    assert changes is not None
    assert sorted(changes.slates) == [(b"a", None), (b"b", None)]
    assert len(changes.expiries) == 2
    write(partition, changes)
    partition.settled()
    assert {key[:1] for key in partition.disk._db.keys()} == {b"C", b"F", b"P"}
    assert totals(partition)["default", "i"] == (2, 1, 0, 1)


def test_forgetting_goes_on_where_it_stopped_before_the_next_flush(
    partition: Partition, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_module, "SLATES_PER_ENTRY", 3)
    show(partition, *(f"s{number}" for number in range(10)))
    flush(partition)
    far = START_S + 1e6
    assert [expire(partition, far, 4) for _ in range(3)] == [6, 4, 0]  # entries of 3, 3, 3 and 1
    assert partition.outcome_counts["expired", "default"] == 10


def test_a_slate_that_comes_back_between_forgetting_and_flush_is_kept(partition: Partition) -> None:
    show(partition, "s")
    flush(partition)
    expire(partition, START_S + 1e6, ALL)
    show(partition, "s", at_s=1e6)
    flush(partition)
    assert remembers(Partition(0, partition.disk, 10), "s")
    forget_at(partition, 1e6 + 2 * WINDOW_S - 1)
    assert remembers(partition, "s")
    forget_at(partition, 1e6 + 3 * WINDOW_S)
    assert not remembers(partition, "s")


def test_stream_time_is_held_back_by_the_source_that_has_records_left(partition: Partition) -> None:
    partition.stream_s.update({IMPRESSIONS: 100.0, CLICKS: 40.0})
    assert watermark(partition, [CLICKS], idle_s=7.0) == 40.0
    assert watermark(partition, [CLICKS, IMPRESSIONS], idle_s=7.0) == 40.0
    assert watermark(partition, [IMPRESSIONS], idle_s=7.0) == 100.0


def test_a_source_with_records_that_were_never_read_holds_stream_time_at_the_beginning(
    partition: Partition,
) -> None:
    partition.stream_s[IMPRESSIONS] = 100.0
    assert watermark(partition, [CLICKS], idle_s=7.0) == 0.0


def test_a_quiet_partition_forgets_by_the_clock(partition: Partition) -> None:
    show(partition, "s")
    flush(partition)
    assert watermark(partition, [], idle_s=0.0) == START_S
    expire(partition, watermark(partition, [], idle_s=2 * WINDOW_S + ROUNDING_S + 1), ALL)
    assert not remembers(partition, "s")


def test_a_timestamp_from_the_future_makes_nothing_be_forgotten(partition: Partition) -> None:
    show(partition, "s")
    count_impressions(partition, [impression("ahead", at_s=10**6)], RULES, START_S + 1)
    flush(partition)
    expire(partition, watermark(partition, [], idle_s=0.0), ALL)
    assert remembers(partition, "s")
