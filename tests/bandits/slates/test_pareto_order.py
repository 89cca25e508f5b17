"""Pareto order equals brute force, and dropping items never changes the places that count."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bandits.slates.pareto_order import dominance, fronts, fronts_of_best, pareto
from bandits.slates.signals import Signals


def brute_force(points: np.ndarray) -> np.ndarray:
    front = np.zeros(len(points), dtype=int)
    number = 0
    while (front == 0).any():
        number += 1
        left = np.flatnonzero(front == 0)
        for a in left:
            rivals = [
                b for b in left if (points[b] >= points[a]).all() and (points[b] > points[a]).any()
            ]
            if not rivals:
                front[a] = -number
        front = np.abs(front)
    return front


@given(st.integers(1, 30), st.integers(1, 3), st.integers(0, 2**31))
def test_fronts_equal_brute_force(n: int, n_signals: int, seed: int):
    points = np.random.default_rng(seed).integers(0, 6, (n, n_signals)).astype(float)
    np.testing.assert_array_equal(fronts(points, n), brute_force(points))


@given(st.integers(80, 160), st.integers(2, 3), st.integers(1, 12), st.integers(0, 2**31))
def test_the_first_places_are_those_of_brute_force_though_items_were_dropped(
    n: int, n_signals: int, depth: int, seed: int
):
    points = np.random.default_rng(seed).normal(size=(n, n_signals))
    sums = points.mean(axis=1)
    expected = np.lexsort((-sums, fronts(points, n)))[:depth]
    got = np.lexsort((-sums, fronts_of_best(points, sums, depth)))[:depth]
    np.testing.assert_array_equal(got, expected)


def test_no_weight_lets_a_dominated_item_pass():
    """Item 1 is beaten by item 0 in both; weights 0.99 and 0.01 put item 2 behind item 0 but never
    behind item 1.
    """
    values = (np.array([[0.9, 0.8, 0.0]]), np.array([[0.5, 0.4, 0.6]]))
    got = pareto(Signals(("a", "b"), (0.99, 0.01), values), 3, np.random.default_rng(0))
    assert np.argsort(-got.score[0]).tolist() == [0, 2, 1]
    assert got.parts["front"].tolist() == [[1, 2, 1]]


def test_scores_beyond_any_rate_stay_within_their_front():
    values = (np.array([[1e9, -1e9]]), np.array([[-1e9, 1e9]]))
    score = pareto(Signals(("a", "b"), (0.5, 0.5), values), 2, np.random.default_rng(0)).score
    assert (score <= 0).all()
    assert (score >= -1).all()


def test_dominance_needs_one_better_and_none_worse():
    a, b = np.array([[1.0, 1.0]]), np.array([[1.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    assert dominance(a, b).tolist() == [[False, True, False]]
