"""RecentCounts: what fades by clicks."""

import numpy as np
import pytest

from bandits.learning.recent_counts import (
    CLICKS,
    EXAMINED,
    IMPRESSIONS,
    SHORTEST_S,
    Floats,
    RecentCounts,
)

CELL = np.array([0]), np.array([0])
OTHER = np.array([0]), np.array([1])
HOUR_S = 3600.0  # from one turn to the next: longer than any clock of clicks here runs


def increment(examinations: float, clicks: float = 0.0) -> Floats:
    return np.array([[examinations, clicks, 0.0, 0.0, examinations]])


def test_counts_fade_by_half_with_every_half_life_of_clicks():
    """8 looks, then 4 clicks elsewhere: with a half-life of 4 clicks 4 looks are left, with one of
    2 clicks 2.
    """
    memories = RecentCounts((2.0, 4.0), (1, 2))
    memories.add(*CELL, increment(8))
    memories.turn(np.zeros((1, 2)), HOUR_S)
    memories.add(*OTHER, increment(5, 4))
    short, long = memories.turn(np.zeros((1, 2)), 2 * HOUR_S)
    assert short[IMPRESSIONS, 0].tolist() == short[EXAMINED, 0].tolist() == [2.0, 5.0]
    assert long[IMPRESSIONS, 0].tolist() == [4.0, 5.0]
    assert short[CLICKS, 0].tolist() == long[CLICKS, 0].tolist() == [0.0, 4.0]


def test_looks_fade_from_when_they_are_settled():
    """8 looks in flight while 4 clicks come elsewhere are 8 looks still; settled since then, the
    next 4 clicks halve them.
    """
    memories = RecentCounts((4.0,), (1, 2))
    memories.add(*CELL, increment(8))
    memories.turn(np.array([[8.0, 0.0]]), HOUR_S)
    memories.add(*OTHER, increment(4, 4))
    assert memories.turn(np.array([[8.0, 0.0]]), 2 * HOUR_S)[0][EXAMINED, 0, 0] == 8.0
    assert memories.turn(np.zeros((1, 2)), 3 * HOUR_S)[0][EXAMINED, 0, 0] == 8.0
    memories.add(*OTHER, increment(4, 4))
    assert memories.turn(np.zeros((1, 2)), 4 * HOUR_S)[0][EXAMINED, 0].tolist() == [4.0, 6.0]


def test_no_rush_of_clicks_halves_a_memory_faster_than_the_lag_of_a_busy_worker():
    memories = RecentCounts((10.0, 40.0), (1, 2))
    memories.add(*CELL, increment(8))
    memories.turn(np.zeros((1, 2)), HOUR_S)
    memories.add(*OTHER, increment(10_000, 10_000))
    short, long = memories.turn(np.zeros((1, 2)), HOUR_S + SHORTEST_S)
    assert short[IMPRESSIONS, 0, 0] == pytest.approx(4.0)
    assert long[IMPRESSIONS, 0, 0] == pytest.approx(8.0 * 2**-0.25)


def test_segments_can_be_joined_and_the_sums_stay():
    memories = RecentCounts((4.0,), (3, 2))
    memories.add(np.array([0, 2]), np.array([0, 0]), np.repeat(increment(8, 2), 2, axis=0))
    memories.turn(np.zeros((3, 2)), HOUR_S)
    memories.join()
    memories.add(np.array([0]), np.array([1]), increment(4, 4))
    (joined,) = memories.turn(np.zeros((1, 2)), 2 * HOUR_S)
    assert joined[IMPRESSIONS].tolist() == [[8.0, 4.0]]  # 16 before 4 clicks came, then half
