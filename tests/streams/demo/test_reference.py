"""References, on rates small enough for paper."""

from __future__ import annotations

import numpy as np

from streams.demo.reference import references
from streams.demo.world import World


def world(rates: list[list[float]], late: list[int] | None = None) -> World:
    empty = np.zeros(0, dtype=np.int64)
    comes_late = np.isin(np.arange(len(rates[0])), late or [])
    return World([], [], empty, empty, np.array(rates), [], [], False, comes_late)


def test_best_single_is_the_best_by_the_visits_and_best_possible_by_the_visitor() -> None:
    """Two segments, three items, one place. Visits: segment 0 three times, segment 1 once.

    Mean rates: a (3*0.4 + 0)/4 = 0.3, b (3*0.2 + 0.9)/4 = 0.375, c 0.1: b is best single. Best
    possible: a, then b.
    """
    made = references(
        world([[0.4, 0.2, 0.1], [0.0, 0.9, 0.1]]),
        np.array([0, 0, 1, 0]),
        1,
        np.random.default_rng(0),
    )
    np.testing.assert_allclose(made.best_single, [0.2, 0.2, 0.9, 0.2])
    np.testing.assert_allclose(made.best_possible, [0.4, 0.4, 0.9, 0.4])


def test_random_slates_have_distinct_items_and_the_mean_rate() -> None:
    certain = references(
        world([[1.0, 1.0, 1.0, 1.0]]), np.zeros(10, dtype=np.int64), 3, np.random.default_rng(0)
    )
    assert certain.random.tolist() == [3.0] * 10
    mean = references(
        world([[0.5, 0.1, 0.0, 0.0]]), np.zeros(20_000, dtype=np.int64), 2, np.random.default_rng(1)
    ).random.mean()
    assert abs(mean - 2 * 0.15) < 0.015  # 4 standard errors: sd of clicks per visit is about 0.5


def test_late_items_are_in_no_reference_before_they_come() -> None:
    """The best item comes at the third visit of four: 0.2 before, 0.9 after."""
    made = references(
        world([[0.2, 0.9, 0.1]], [1]), np.zeros(4, np.int64), 1, np.random.default_rng(0), 2
    )
    for found in (made.best_single, made.best_possible):
        np.testing.assert_allclose(found, [0.2, 0.2, 0.9, 0.9])
    certain = references(
        world([[0.0, 0.0, 1.0]], [2]), np.zeros(50, np.int64), 3 - 1, np.random.default_rng(0), 49
    )
    assert certain.random[:49].sum() == 0
