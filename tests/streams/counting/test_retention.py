"""Retention: what nothing touches leaves in two flushes, readers that keep sums take it off, and
what comes again begins anew.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streams.counting import retention
from streams.counting.partition import Changes, Partition
from streams.counting.retention import retire
from streams.serving.counts_view import CountsView, Index
from tests.streams.making import partition_on, record, stored, write

LONG_S = 3600.0
KEY = ("x", "old")


def flushed(partition: Partition, view: CountsView, offset: int) -> tuple[Changes, int]:
    """A flush that a view reads; the offset behind it."""
    changes = partition.take_changes()
    assert changes is not None
    write(partition, changes)
    partition.settled()
    view.apply(
        [
            record(value, key, "changelog", 0, offset + at)
            for at, (key, value) in enumerate(changes.counts)
        ],
        0.0,
    )
    view.look(0.0)
    return changes, offset + len(changes.counts)


def impressions(view: CountsView) -> dict[tuple[str, str], float]:
    counts = view.learner.counts
    return {
        (view.segments.names[number], view.items.names[item]): float(n)
        for number, (items, sums) in enumerate(counts.segments)
        for item, n in zip(items.tolist(), sums[0], strict=True)
    }


@pytest.mark.parametrize("half_life_s", [None, 60.0])
def test_a_row_becomes_zero_and_then_leaves(tmp_path: Path, half_life_s: float | None) -> None:
    partition, at = partition_on(tmp_path, half_life_s=half_life_s), 0
    view = CountsView(Index(), half_life_s)
    for key in (KEY, ("x", "young")):
        row = partition.count(key)
        row.impressions, row.value, row.fresh_impressions, row.reference_s = 5.0, -2.5, 4.0, 50.0
    _, at = flushed(partition, view, at)
    later_s = time.time() + LONG_S
    assert retire(partition, later_s - 60.0, LONG_S) == 0
    partition.count(("x", "young")).impressions += 1.0  # not durable yet: it is not looked at
    assert retire(partition, later_s, LONG_S) == 1
    _, at = flushed(partition, view, at)
    assert impressions(view) == {("x", "young"): 6.0}
    assert dict(stored(partition))[KEY] == (0.0,) * 5
    assert retire(partition, time.time(), LONG_S) == 1
    changes, at = flushed(partition, view, at)
    assert [value for _key, value in changes.counts].count(None) == 1
    assert KEY not in dict(stored(partition))
    assert impressions(view) == {("x", "young"): 6.0}
    assert view.learner.counts.items[0].sum() == 6.0
    assert retire(partition, time.time(), LONG_S) == 0


def test_what_is_counted_before_the_row_has_left_stays(tmp_path: Path) -> None:
    partition, at = partition_on(tmp_path), 0
    view = CountsView(Index())
    partition.count(KEY).impressions = 5.0
    _, at = flushed(partition, view, at)
    retire(partition, time.time() + LONG_S, LONG_S)
    _, at = flushed(partition, view, at)
    retire(partition, time.time(), LONG_S)
    partition.count(KEY).impressions += 1.0
    changes, at = flushed(partition, view, at)
    assert all(value is not None for _key, value in changes.counts)
    assert impressions(view) == {KEY: 1.0}
    partition.count(KEY).impressions += 1.0
    _, at = flushed(partition, view, at)
    assert impressions(view) == {KEY: 2.0}
    assert dict(stored(partition))[KEY][0] == 2.0


def test_rows_are_looked_at_in_turns_and_from_the_first_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS_AT_ONCE", 3)
    partition = partition_on(tmp_path)
    for number in range(7):
        partition.count(("x", str(number))).impressions = 1.0
    flushed(partition, CountsView(Index()), 0)
    later_s = time.time() + LONG_S
    assert [retire(partition, later_s, LONG_S) for _ in range(4)] == [3, 3, 1, 0]
