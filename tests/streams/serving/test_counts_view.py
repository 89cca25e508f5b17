"""The view: counts of all partitions add up, a newer row replaces the older one of its partition,
discounted ones meet at one time.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from confluent_kafka import Message
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.count_rows import CountRow, RowError, encode_count, encode_count_key
from streams.counting.rows import POSITIONS_KEY
from streams.serving.counts_view import REBASE_HALF_LIVES, CountsView, Index
from tests.streams import making


def row(impressions: float, clicks: float = 0.0, value: float = 0.0) -> bytes:
    made = CountRow()
    made.impressions = made.examined = impressions
    made.clicks, made.value = clicks, value
    return encode_count(made, discounted=False)


def record(partition: int, segment: str, item: str, value: bytes | None) -> Message:
    return making.record(value, encode_count_key(segment, item), "changelog", partition)


def table(view: CountsView) -> dict[tuple[str, str], tuple[float, float]]:
    counts = view.counts(0.0)
    return {
        (segment, item): (float(counts.impressions[s, i]), float(counts.clicks[s, i]))
        for s, segment in enumerate(view.segments.names)
        for i, item in enumerate(view.items.names)
        if counts.impressions[s, i] or counts.clicks[s, i]
    }


def test_the_global_count_is_the_sum_over_partitions() -> None:
    view = CountsView(Index())
    view.apply(
        [
            record(0, "x", "a", row(10, 1)),
            record(7, "x", "a", row(5, 2)),
            record(0, "y", "b", row(3)),
        ],
        0.0,
    )
    assert table(view) == {("x", "a"): (15, 3), ("y", "b"): (3, 0)}


def test_a_newer_row_replaces_what_its_partition_said_before() -> None:
    view = CountsView(Index())
    view.apply(
        [
            record(0, "x", "a", row(10, 1)),
            record(1, "x", "a", row(5)),
            record(0, "x", "a", row(12, 2)),
        ],
        0.0,
    )
    assert table(view) == {("x", "a"): (17, 2)}


def test_positions_and_tombstones_are_no_counts() -> None:
    view = CountsView(Index())
    view.apply([making.record(b"\x01whatever", POSITIONS_KEY), record(0, "x", "a", None)], 0.0)
    assert (table(view), view.version) == ({}, 0)


def test_values_may_be_negative_and_impressions_may_not() -> None:
    view = CountsView(Index())
    view.apply([record(0, "x", "a", row(1, 1, value=-2.5))], 0.0)
    assert view.counts(0.0).value[0, 0] == -2.5


def test_a_row_of_another_version_stops_the_view_and_is_not_guessed_at() -> None:
    with pytest.raises(RowError):
        CountsView(Index()).apply([record(0, "x", "a", b"\x07" + b"\0" * 40)], 0.0)


def test_the_version_moves_with_every_count_and_items_of_others_have_columns() -> None:
    items = Index()
    items.number("described, not seen yet")
    view = CountsView(items)
    view.apply([record(0, "x", "a", row(1))], 0.0)
    assert view.version == 1
    assert view.counts(0.0).impressions.tolist() == [[0.0, 1.0]]


@given(
    st.lists(
        st.tuples(st.integers(0, 2), st.integers(0, 40), st.integers(0, 600), st.integers(0, 9)),
        max_size=60,
    )
)
def test_any_rows_in_any_order_give_the_last_of_each_partition(
    rows: list[tuple[int, int, int, int]],
) -> None:
    """Also when the arrays have to grow in both directions."""
    view = CountsView(Index())
    last: dict[tuple[int, str, str], float] = {}
    for partition, segment, item, impressions in rows:
        view.apply([record(partition, f"s{segment}", f"i{item}", row(impressions))], 0.0)
        last[partition, f"s{segment}", f"i{item}"] = impressions
    sums: dict[tuple[str, str], float] = {}
    for (_partition, segment_name, item_name), impressions in last.items():
        sums[segment_name, item_name] = sums.get((segment_name, item_name), 0.0) + impressions
    assert {name: pair[0] for name, pair in table(view).items()} == {
        name: n for name, n in sums.items() if n
    }


def discounted(impressions: float, at_s: float) -> bytes:
    made = CountRow()
    made.impressions = made.examined = made.fresh_impressions = made.fresh_examined = impressions
    made.reference_s = at_s
    return encode_count(made, discounted=True)


def recent(view: CountsView, now_s: float) -> float:
    (counts,) = view.counts(now_s).recent
    return float(counts.impressions[0, 0])


def test_rows_that_were_discounted_to_different_times_add_up_at_one() -> None:
    """Half-life 10 s. 8 at time 0 and 8 at time 10, seen at 20: 8/4 + 8/2 = 6. The
    totals stay 16.
    """
    view = CountsView(Index(), half_life_s=10.0)
    view.apply(
        [record(0, "x", "a", discounted(8, 0.0)), record(1, "x", "a", discounted(8, 10.0))], 0.0
    )
    assert recent(view, 20.0) == pytest.approx(6.0)
    assert view.counts(20.0).impressions[0, 0] == 16


def test_discounted_counts_are_right_after_any_time_has_passed() -> None:
    """1 event every 5 half-lives, for 400 of them: far beyond what 2^t could hold without moving
    the common time.
    """
    view = CountsView(Index(), half_life_s=10.0)
    times: Iterable[float] = (50.0 * number for number in range(int(400 / 5) + 1))
    for at_s in times:
        view.apply([record(0, "x", "a", discounted(1, at_s))], 0.0)
    assert view.at_s > 4000 - REBASE_HALF_LIVES * 10
    assert recent(view, 4010.0) == pytest.approx(0.5)
    assert np.isfinite(view._sums).all()
