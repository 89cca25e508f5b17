"""Memories: what fades by clicks, and what the view makes of it."""

import numpy as np
import pytest

from bandits.priors import learn
from streams.memories import MAX_CELLS, Memories
from streams.rows import CountRow, encode_count, encode_count_key
from streams.view import CountsView, Index


def test_counts_fade_by_half_with_every_half_life_of_clicks():
    """8 looks, then 4 clicks elsewhere: with a half-life of 4 clicks 4 looks are left, with one of 2 clicks 2."""
    memories = Memories((2.0, 4.0), 2, (1, 2))
    memories.add(np.array([0]), np.array([0]), np.array([[8.0, 0.0]]), 0.0)
    memories.add(np.array([0]), np.array([1]), np.array([[5.0, 4.0]]), 4.0)
    short, long = memories.sums((1, 2))
    assert short[:, 0].tolist() == [[2.0, 5.0], [0.0, 4.0]]
    assert long[:, 0].tolist() == [[4.0, 5.0], [0.0, 4.0]]


def test_scale_that_grows_small_changes_no_sum():
    memories = Memories((10.0,), 1, (1, 1))
    expected = 0.0
    for clicks in [100.0] * 5 + [3.0] * 200:
        memories.add(np.array([0]), np.array([0]), np.array([[2.0]]), clicks)
        expected = expected * 2.0 ** (-clicks / 10.0) + 2.0
    assert memories.sums((1, 1))[0][0, 0, 0] == pytest.approx(expected, rel=1e-9)


def test_too_many_cells_are_not_remembered():
    memories = Memories((10.0,), 1, (1, 1))
    memories.reserve((2, MAX_CELLS))
    memories.add(np.array([0]), np.array([0]), np.array([[2.0]]), 1.0)
    assert memories.sums((1, 1)) == []


def row(impressions: float, clicks: float) -> bytes:
    made = CountRow()
    made.impressions = made.examined = impressions
    made.clicks = clicks
    return encode_count(made, False)


def test_view_remembers_what_comes_live_and_grows_with_it():
    view = CountsView(Index(), memories=(2.0,))
    view.put(0, encode_count_key("s", "a"), row(100, 10))
    view.live = True
    view.put(0, encode_count_key("s", "a"), row(108, 10))
    view.put(1, encode_count_key("s", "a"), row(4, 4))
    for number in range(300):  # more items than the first arrays hold
        view.put(0, encode_count_key("t", f"i{number}"), row(1, 0))
    counts = view.counts(0.0)
    assert (counts.impressions[0, 0], counts.clicks[0, 0]) == (112, 14)
    assert (counts.recent[0].impressions[0, 0], counts.recent[0].clicks[0, 0]) == (8 / 4 + 4, 4)
    assert counts.recent[0].impressions[1, 1:].tolist() == [1.0] * 300


def test_a_change_that_the_memory_saw_turns_the_belief():
    """Items click at 20%; then one falls to 2%: with the memory its rate is believed low, without it stays near the middle."""
    view = CountsView(Index(), memories=(500.0,))
    names = [f"i{number}" for number in range(20)]
    view.live = True
    for name in names:
        view.put(0, encode_count_key("s", name), row(1000, 200))
    for step in range(1, 4):
        for name in names:
            clicks = 2 if name == "i0" else 20
            view.put(0, encode_count_key("s", name), row(1000 + 100 * step, 200 + clicks * step))
    counts = view.counts(0.0)
    whole = learn(counts._replace(recent=()))
    remembered = learn(counts)
    assert whole.odds is None
    assert remembered.odds is not None
    assert remembered.odds[0, 0] > 0.5 > 0.05 > remembered.odds[0, 1]
