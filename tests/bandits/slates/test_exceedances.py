"""Draws above a level have the law of all draws looked at above it."""

from __future__ import annotations

import numpy as np
from scipy import stats

from bandits.slates.exceedances import exceedances, tail

ALPHA, BETA = np.array([0.2, 1.0, 3.0]), np.array([8.0, 30.0, 90.0])
LEVEL = np.array([0.3, 0.15, 0.09])


def test_the_tail_is_scipys_and_one_below_zero():
    np.testing.assert_allclose(tail(ALPHA, BETA, LEVEL), stats.beta.sf(LEVEL, ALPHA, BETA), 1e-9)
    assert (tail(ALPHA, BETA, np.zeros(3)) == 1).all()


def test_how_many_pass_and_where_is_that_of_full_draws():
    rng, n = np.random.default_rng(0), 200_000
    p = tail(ALPHA, BETA, LEVEL)
    got = exceedances(ALPHA, BETA, p, n, rng)
    count = np.bincount(got.columns, minlength=3)
    assert (np.abs(count - n * p) < 5 * np.sqrt(n * p)).all()
    for item in range(3):
        mine = got.columns == item
        assert np.unique(got.rows[mine]).size == mine.sum()
        values = got.values[mine]
        assert (values >= LEVEL[item] - 1e-12).all()
        above = stats.beta.sf(values, ALPHA[item], BETA[item]) / p[item]  # uniform
        assert stats.kstest(above, "uniform").pvalue > 1e-4
        assert stats.kstest(got.rows[mine] / n, "uniform").pvalue > 1e-4


def test_every_row_is_used_once_where_nearly_all_pass():
    got = exceedances(np.ones(1), np.ones(1), np.array([1.0]), 50, np.random.default_rng(1))
    assert sorted(got.rows.tolist()) == list(range(50))


def test_nothing_passes_where_the_tail_is_empty():
    got = exceedances(ALPHA, BETA, np.zeros(3), 100, np.random.default_rng(2))
    assert got.rows.size == got.values.size == 0
