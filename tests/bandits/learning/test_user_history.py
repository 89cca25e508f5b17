"""Histories are bounded, in order, and a click ends a row of repeats."""

from __future__ import annotations

import sys

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bandits.learning.user_history import (
    CLICKS_KEPT,
    RECENT_KEPT,
    SHOWN_KEPT,
    Histories,
)

EVENTS = st.lists(st.tuples(st.integers(0, 5), st.lists(st.integers(0, 300), max_size=30)))


def times(histories: Histories, now_s: float, window_s: float = 1e9) -> dict[int, float]:
    history = histories.of("anna", now_s)
    assert history is not None
    found = zip(history.items.tolist(), history.repeats(window_s).tolist(), strict=True)
    return {item: n for item, n in found if n}


def test_repeats_are_impressions_since_the_last_click():
    """Shown three times, clicked, shown once: one."""
    histories = Histories()
    for now_s in (1.0, 2.0, 3.0):
        histories.seen("anna", [7, 8], now_s)
    assert times(histories, 4.0) == {7: 3, 8: 3}
    histories.clicked("anna", 7)
    assert times(histories, 4.0) == {8: 3}
    histories.seen("anna", [7], 5.0)
    assert times(histories, 6.0) == {7: 1, 8: 3}


def test_what_was_shown_longer_ago_than_the_window_was_not_shown():
    histories = Histories()
    histories.seen("anna", [7], 0.0)
    histories.seen("anna", [8], 50.0)
    assert times(histories, 100.0, window_s=60.0) == {8: 1}


def test_the_latest_stands_first():
    histories = Histories()
    histories.seen("anna", [1, 2, 1], 0.0)
    for item in (1, 2):
        histories.clicked("anna", item)
    history = histories.of("anna", 0.0)
    assert history is not None
    assert history.recent.tolist() == [1, 2, 1]
    assert history.clicked.tolist() == [2, 1]


def test_of_a_user_nobody_heard_of_nothing_is_known():
    assert Histories().of("anna", 0.0) is None


def test_who_was_heard_of_longest_ago_goes_first():
    histories = Histories(users_kept=2)
    for user in ("anna", "bert", "anna", "carl"):
        histories.seen(user, [1], 0.0)
    assert histories.of("bert", 0.0) is None
    assert histories.of("anna", 0.0) is not None
    assert len(histories) == 2


@given(EVENTS)
def test_a_user_is_kept_in_so_many_items_whatever_comes(events: list[tuple[int, list[int]]]):
    histories = Histories()
    for click, items in events:
        histories.seen("anna", items, 0.0)
        histories.clicked("anna", click)
    history = histories.of("anna", 0.0)
    if history is not None:
        assert history.clicked.size <= CLICKS_KEPT
        assert history.recent.size <= RECENT_KEPT
        assert history.items.size <= SHOWN_KEPT
        assert np.unique(history.items).size == history.items.size


def test_a_user_costs_at_most_three_kilobytes():
    histories = Histories()
    for at in range(100):
        histories.seen("anna", list(range(10 * at, 10 * at + 10)), 0.0)
        histories.clicked("anna", at)
    own = histories._users["anna"]
    size = sys.getsizeof(own) + sum(sys.getsizeof(getattr(own, name)) for name in own.__slots__)
    assert size < 3000


def test_items_that_a_state_does_not_know_yet_are_left_out():
    histories = Histories()
    histories.seen("anna", [1, 900], 0.0)
    histories.clicked("anna", 900)
    history = histories.of("anna", 0.0)
    assert history is not None
    known = history.among(10)
    assert (known.clicked.size, known.recent.tolist(), known.items.tolist()) == (0, [1], [1])
    assert history.among(901) is history
