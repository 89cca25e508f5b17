"""Probability of being best: by hand, by quadrature, and bounded in work."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from bandits.learning.best_item import MOST, probability_best

ALL3 = np.ones(3, dtype=np.bool_)


def test_equal_items_are_equally_likely() -> None:
    """Three items with one posterior: a third each, +- 4 standard errors of 4,000 draws."""
    found = probability_best(np.full(3, 2.0), np.full(3, 8.0), ALL3, np.random.default_rng(1))
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - 1 / 3).max() < 4 * np.sqrt(2 / 9 / 4000)


def test_it_is_the_integral_of_the_density_times_the_other_cdfs() -> None:
    alpha, beta = np.array([3.0, 5.0, 30.0]), np.array([7.0, 20.0, 70.0])

    def density(x: float, a: int) -> float:
        rest = np.prod([stats.beta.cdf(x, alpha[b], beta[b]) for b in range(3) if b != a])
        return float(stats.beta.pdf(x, alpha[a], beta[a]) * rest)

    exact = [quad(density, 0, 1, args=(a,))[0] for a in range(3)]
    found = probability_best(alpha, beta, ALL3, np.random.default_rng(2), draws=20_000)
    assert found == pytest.approx(exact, abs=4 * 0.5 / np.sqrt(20_000))


def test_who_may_not_be_shown_is_never_best() -> None:
    alpha, beta = np.array([90.0, 5.0, 4.0]), np.array([10.0, 95.0, 96.0])
    eligible = np.array([False, True, True])
    found = probability_best(alpha, beta, eligible, np.random.default_rng(3))
    assert found[0] == 0
    assert found.sum() == pytest.approx(1)
    nobody = probability_best(alpha, beta, np.zeros(3, np.bool_), np.random.default_rng(3))
    assert nobody.tolist() == [0, 0, 0]


def test_many_unknown_items_are_bounded_and_the_best_of_them_is_among_those_drawn() -> None:
    n = 5 * MOST
    alpha, beta = np.ones(n), np.full(n, 9.0)
    alpha[7] = 5.0
    found = probability_best(alpha, beta, np.ones(n, np.bool_), np.random.default_rng(4), draws=200)
    assert np.count_nonzero(found) <= min(MOST, 200)
    assert found.argmax() == 7
