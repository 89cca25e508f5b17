"""The linear model from counts equals ridge regression by brute force, and keeps a part of its own
for every arm.
"""

import numpy as np
import pytest

from bandits.policies.lin_thompson import lin_thompson
from bandits.policies.lin_ucb import lin_ucb
from bandits.policies.linear import fit_line
from tests.bandits.arms_sample import arms_of, random_arms


def by_brute_force(arms, spread, residual):
    """All coefficients at once: y = [X, I] (theta, r), one weighted ridge regression with both
    priors.
    """
    x, n, s = arms.vectors, arms.impressions + arms.in_flight, arms.clicks
    g = (s.sum() + 1) / (arms.impressions.sum() + 1 / arms.prior_mean.mean())
    y = np.where(n > 0, (s + arms.in_flight * g) / np.maximum(n, 1e-300) - g, 0.0)
    both = np.hstack([x, np.eye(n.size)])
    prior = np.diag(
        np.r_[np.full(x.shape[1], 1 / (spread * g) ** 2), np.full(n.size, 1 / (residual * g) ** 2)]
    )
    precision = prior + both.T @ np.diag(n / (g * (1 - g))) @ both
    covariance = np.linalg.inv(precision)
    return g, covariance @ (both.T @ (n / (g * (1 - g)) * y)), covariance, both


def test_mean_of_line_and_residual_equal_one_big_ridge_regression():
    arms = random_arms(12)
    g, coefficients, _, both = by_brute_force(arms, 1.0, 0.5)
    line = fit_line(arms, 1.0, 0.5)
    assert line.mean == pytest.approx(g + both @ coefficients, rel=1e-9)
    assert line.theta == pytest.approx(coefficients[:3], rel=1e-8)


def test_without_residual_lin_ucb_is_ridge_with_its_confidence_width():
    """A = lambda I + X' diag(n / v) X by brute force; index = g + x theta + c sqrt(x A^-1 x)."""
    arms = random_arms(13)
    x, n = arms.vectors, arms.impressions + arms.in_flight
    g = (arms.clicks.sum() + 1) / (arms.impressions.sum() + 1 / arms.prior_mean.mean())
    v = g * (1 - g)
    a = np.eye(3) / g**2
    b = np.zeros(3)
    for i in range(n.size):
        a += np.outer(x[i], x[i]) * n[i] / v
        if n[i] > 0:
            b += x[i] * (arms.clicks[i] + arms.in_flight[i] * g - n[i] * g) / v
    inverse = np.linalg.inv(a)
    expected = g + x @ inverse @ b + 2 * np.sqrt(np.einsum("id,de,ie->i", x, inverse, x))
    assert lin_ucb(c=2.0, residual=0.0).score(arms, np.random.default_rng(0)) == pytest.approx(
        expected, rel=1e-9
    )


def test_lin_thompson_draws_with_the_models_mean_and_covariance():
    arms = random_arms(14, n_items=4)
    line = fit_line(arms, 1.0, 0.5)
    draws = lin_thompson().draws(arms, np.random.default_rng(0), 100_000)
    covariance = line.x @ line.root @ line.root.T @ line.x.T + np.diag(line.residual_sd**2)
    assert draws.mean(axis=0) == pytest.approx(
        line.mean, abs=4 * np.sqrt(covariance.diagonal().max() / 100_000)
    )
    assert np.cov(draws.T) == pytest.approx(covariance, abs=0.02 * covariance.max())


def test_own_counts_decide_in_the_end_where_the_line_is_wrong():
    """Two arms of one vector, rates 0.1 and 0.2: the residual tells them apart, the line alone
    cannot.
    """
    arms = arms_of([1e5, 1e5], [1e4, 2e4], vectors=np.ones((2, 1)))
    assert fit_line(arms, 1.0, 0.5).mean == pytest.approx([0.1, 0.2], rel=0.01)
    alone = fit_line(arms, 1.0, 0.0).mean
    assert alone[0] == pytest.approx(alone[1])


def test_a_new_arm_starts_where_its_vector_says():
    """Arms along one axis click at 0.3, the other way at 0.1; a new arm on the first axis is
    expected higher.
    """
    arms = arms_of(
        [1e4, 1e4, 0, 0], [3e3, 1e3, 0, 0], vectors=np.array([[1.0], [-1.0], [1.0], [-1.0]])
    )
    mean = fit_line(arms, 1.0, 0.1).mean
    assert mean[2] == pytest.approx(0.3, abs=0.01)
    assert mean[3] == pytest.approx(0.1, abs=0.01)


def test_without_vectors_an_arm_has_its_residual_alone_as_with_zero_rows():
    """An arm with counts is near its own rate, one without is at the segment's."""
    given = [1e4, 1e4, 0], [3e3, 1e3, 0]
    without = fit_line(arms_of(*given), 1.0, 0.5)
    zero = fit_line(arms_of(*given, vectors=np.zeros((3, 4))), 1.0, 0.5)
    np.testing.assert_allclose(without.mean, zero.mean)
    np.testing.assert_allclose(without.sd, zero.sd)
    np.testing.assert_allclose(without.mean[:2], [0.3, 0.1], atol=0.01)
    assert without.mean[2] == without.level
    assert np.isfinite(lin_ucb().score(arms_of([1], [0]), np.random.default_rng(0))).all()
