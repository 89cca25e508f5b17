"""The view: counts of all partitions add up, from totals up to where the log ended and from what
rows grew by from there on; discounted ones meet at one time.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.count_rows import RowError, encode_count_key
from streams.counting.rows import POSITIONS_KEY
from streams.serving.counts_view import LATEST_S, REBASE_HALF_LIVES, CountsView, FellBehind, Index
from tests.streams.making import AT_MS, record
from tests.streams.serving.changelog import Changelog, dense


def table(view: CountsView) -> dict[tuple[str, str], tuple[float, float]]:
    counts = dense(view, 0.0)
    return {
        (segment, item): (float(counts.impressions[s, i]), float(counts.clicks[s, i]))
        for s, segment in enumerate(view.segments.names)
        for i, item in enumerate(view.items.names)
        if counts.impressions[s, i] or counts.clicks[s, i]
    }


def test_the_global_count_is_the_sum_over_partitions() -> None:
    view, log = CountsView(Index()), Changelog()
    log.count("x", "a", 10, 1)
    log.count("x", "a", 5, 2, partition=7)
    log.count("y", "b", 3)
    log.feed(view)
    assert table(view) == {("x", "a"): (15, 3), ("y", "b"): (3, 0)}


def test_what_a_row_grew_by_is_added() -> None:
    view, log = CountsView(Index()), Changelog()
    log.count("x", "a", 10, 1)
    log.count("x", "a", 5, partition=1)
    log.count("x", "a", 2, 1)
    log.feed(view)
    assert table(view) == {("x", "a"): (17, 2)}


def test_positions_and_tombstones_are_no_counts() -> None:
    view = CountsView(Index())
    tombstone = record(None, encode_count_key("x", "a"), offset=1)
    view.apply([record(b"\x01whatever", POSITIONS_KEY), tombstone], 0.0)
    assert (table(view), view.version) == ({}, 0)


def test_values_may_be_negative_and_impressions_may_not() -> None:
    view, log = CountsView(Index()), Changelog()
    log.count("x", "a", 1, 1, value=-2.5)
    log.feed(view)
    assert dense(view, 0.0).value[0, 0] == -2.5


def test_a_row_of_another_version_stops_the_view_and_is_not_guessed_at() -> None:
    bad = record(b"\x07" + b"\0" * 40, encode_count_key("x", "a"))
    with pytest.raises(RowError):
        CountsView(Index()).apply([bad], 0.0)


def test_the_version_moves_with_every_count_and_items_of_others_have_columns() -> None:
    items, log = Index(), Changelog()
    items.number("described, not seen yet")
    view = CountsView(items)
    log.count("x", "a", 1)
    log.feed(view)
    assert view.version == 1
    assert dense(view, 0.0).impressions.tolist() == [[0.0, 1.0]]


FLUSHES = st.lists(
    st.tuples(
        st.integers(0, 2),  # partition
        st.lists(
            st.tuples(st.integers(0, 4), st.integers(0, 300), st.integers(1, 9)),
            min_size=1,
            max_size=4,
        ),
        st.booleans(),  # whether the transaction is committed
    ),
    max_size=30,
)


@pytest.mark.parametrize("half_life_s", [None, 50.0])
@given(flushes=FLUSHES, end=st.integers(0, 30), cut=st.integers(0, 30), half=st.booleans())
def test_a_view_that_begins_anywhere_has_what_was_committed(
    half_life_s: float | None,
    flushes: list[tuple[int, list[tuple[int, int, int]], bool]],
    end: int,
    cut: int,
    half: bool,
) -> None:
    """Flushes of three partitions, some aborted. The view begins when `end` of them are in the log,
    which was compacted up to `cut` (or every second record that may go is gone), and reads on. What
    is younger takes nothing away: that is what `min.compaction.lag.ms` is for.
    """
    log, want = Changelog(half_life_s), dict[tuple[str, str], float]()
    ends, there = dict[int, int](), 0
    for number, (partition, rows, committed) in enumerate(flushes):
        if number == end:
            ends, there = log.ends(), len(log.records)
        for segment, item, impressions in rows:
            name = f"s{segment}", f"i{item}"
            log.count(*name, impressions, partition=partition, at_s=10.0 * number)
            if committed:
                want[name] = want.get(name, 0.0) + impressions
        log.flush(partition, committed)
    if end >= len(flushes):
        ends, there = log.ends(), len(log.records)
    log.compact(min(cut, there), every=2 if half else 1)
    view = CountsView(Index(), half_life_s)
    view.begin(ends)
    log.feed(view)
    assert {name: pair[0] for name, pair in table(view).items()} == want
    if half_life_s is not None and want:
        total = sum(log.weight(half_life_s, 1000.0))
        assert dense(view, 1000.0).recent[0].impressions.sum() == pytest.approx(total)


def test_a_view_that_fell_behind_says_so_and_begins_anew() -> None:
    view, log = CountsView(Index()), Changelog()
    log.count("x", "a", 10)
    log.feed(view, AT_MS / 1000)
    log.count("x", "a", 1)
    with pytest.raises(FellBehind):
        log.feed(view, AT_MS / 1000 + LATEST_S + 1)
    assert table(view) == {("x", "a"): (10, 0)}
    log.rewind()
    view.begin(log.ends())
    log.feed(view, AT_MS / 1000 + LATEST_S + 1)
    assert table(view) == {("x", "a"): (11, 0)}


def test_another_log_under_the_same_name_is_noticed() -> None:
    view, log = CountsView(Index()), Changelog()
    for _ in range(3):
        log.count("x", "a", 10)
        log.flush(0)
    log.feed(view)
    other = Changelog()
    other.count("x", "a", 1)
    with pytest.raises(FellBehind):
        other.feed(view)


def recent(view: CountsView, now_s: float) -> float:
    (counts,) = dense(view, now_s).recent
    return float(counts.impressions[0, 0])


def test_rows_that_were_discounted_to_different_times_add_up_at_one() -> None:
    """Half-life 10 s. 8 at time 0 and 8 at time 10, seen at 20: 8/4 + 8/2 = 6. The
    totals stay 16.
    """
    view, log = CountsView(Index(), half_life_s=10.0), Changelog(10.0)
    log.count("x", "a", 8, at_s=0.0)
    log.count("x", "a", 8, partition=1, at_s=10.0)
    log.feed(view)
    assert recent(view, 20.0) == pytest.approx(6.0)
    assert dense(view, 20.0).impressions[0, 0] == 16


def test_discounted_counts_are_right_after_any_time_has_passed() -> None:
    """1 event every 5 half-lives, for 400 of them: far beyond what 2^t could hold without moving
    the common time.
    """
    view, log = CountsView(Index(), half_life_s=10.0), Changelog(10.0)
    times: Iterable[float] = (50.0 * number for number in range(int(400 / 5) + 1))
    for at_s in times:
        log.count("x", "a", 1, at_s=at_s)
        log.feed(view)
    assert view.at_s > 4000 - REBASE_HALF_LIVES * 10
    assert recent(view, 4010.0) == pytest.approx(0.5 / (1 - 2**-5))
    assert np.isfinite(view.look(4010.0).items).all()
