"""The anchor from embedding neighbours equals a Gaussian process by brute force, and is ignored
where vectors say nothing.
"""

import numpy as np
import pytest
from scipy import stats

from bandits.learning.embedding_prior import _log_likelihoods, _predict, neighbour_anchor


def catalogue(seed, n_items=300, d=8, explained=0.5, looks=500.0, rate=0.1):
    """Items whose rate is linear in their vectors up to a rest: relative standard deviation
    `explained`, rest 0.1.
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_items, d))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    b = rng.normal(size=d)
    line = x @ b
    line *= explained / line.std() if explained else 0
    theta = rate * np.clip(1 + line + 0.1 * rng.normal(size=n_items), 0.05, 5)
    n = np.full(n_items, looks)
    return x, theta, n, rng.binomial(n.astype(int), theta).astype(float)


def test_new_items_are_expected_where_their_neighbours_are():
    x, theta, n, s = catalogue(1)
    n[200:], s[200:] = 0, 0
    anchor = neighbour_anchor(n, s, x, 0.1, 5.0)
    error = anchor.mean[200:] - theta[200:]
    assert np.sqrt((error**2).mean()) < 0.4 * theta[200:].std()
    # and knows how sure it is: errors relative to the stated spread are of size one
    stated = 0.1 / np.sqrt(anchor.clicks[200:])
    assert 0.6 < np.sqrt(((error / stated) ** 2).mean()) < 1.6


def test_vectors_that_say_nothing_change_nothing():
    x, _, n, s = catalogue(2, explained=0.0)
    anchor = neighbour_anchor(n, s, x, 0.1, 5.0)
    assert anchor.mean == pytest.approx(np.full(300, 0.1), abs=0.005)


def test_an_item_without_vector_gets_the_global_rate_and_is_unsure():
    x, _, n, s = catalogue(3)
    x[7] = 0
    anchor = neighbour_anchor(n, s, x, 0.1, 5.0)
    assert anchor.mean[7] == pytest.approx(0.1)
    assert anchor.clicks[7] < np.median(anchor.clicks)


def test_no_looks_or_no_vectors_at_all_is_the_flat_anchor():
    x, _, n, s = catalogue(4)
    for looks, hits, vectors in ((0 * n, 0 * s, x), (n, s, 0 * x)):
        anchor = neighbour_anchor(looks, hits, vectors, 0.1, 5.0)
        assert anchor.mean == pytest.approx(np.full(300, 0.1))
        assert anchor.clicks == pytest.approx(np.full(300, 5.0))


def test_leaving_one_out_equals_fitting_without_it():
    x, _, n, s = catalogue(5, n_items=40, d=3)
    y, d = s / n / 0.1 - 1, 1 / (0.05 + 0.9 / (n * 0.1))
    u, v = 0.2, 0.05
    lines, rectified = [], []
    fitted = _predict(x, np.arange(40), x, y, d, u, v, 0.1)
    for i in range(40):
        keep = np.arange(40) != i
        wide = np.column_stack([np.ones(40), x])  # the intercept as a coefficient without prior
        a = np.diag([0.0, *np.full(3, 1 / u)]) + (wide[keep].T * d[keep]) @ wide[keep]
        b = np.linalg.solve(a, wide[keep].T @ (d[keep] * y[keep]))
        line, spread = 1 + wide[i] @ b, wide[i] @ np.linalg.solve(a, wide[i])
        lines.append((line, spread))
        normal = stats.norm(line, np.sqrt(v + spread))
        mean = normal.expect(lambda rate: rate, lb=0)
        square = normal.expect(lambda rate: rate**2, lb=0)
        rectified.append(mean)
        expected = min(1 / (v + spread), mean**2 / (square - mean**2))
        assert fitted.clicks[i] == pytest.approx(expected, rel=1e-6)
    level = np.mean([line for line, _ in lines]) / np.mean(rectified)
    assert fitted.mean == pytest.approx(
        0.1 * np.clip(level * np.array(rectified), 0.05, 4), rel=1e-6
    )


def test_items_that_the_line_puts_below_zero_may_still_be_good_and_the_mean_stays():
    """One in twelve on one side is good, up to two in three on the other: a line through both goes
    below zero.
    """
    rng = np.random.default_rng(8)
    side = np.linspace(-1, 1, 4000)
    theta = 0.1 * (rng.random(4000) < 0.08 + 0.6 * np.maximum(side, 0))
    n = np.full(4000, 400.0)
    s = rng.binomial(400, theta).astype(float)
    rate = s.sum() / n.sum()
    anchor = neighbour_anchor(n, s, np.column_stack([side, 0.01 * side**2]), rate, 5.0)
    assert anchor.mean.mean() == pytest.approx(rate, rel=0.05)
    low, high = side < -0.8, side > 0.8
    assert 0.4 < anchor.mean[low].mean() / theta[low].mean() < 1.6
    assert anchor.mean[high].mean() > 1.5 * rate
    draws = rng.beta(anchor.clicks[low], anchor.clicks[low] * (1 / anchor.mean[low] - 1))
    assert 0.01 < (draws > 1.5 * rate).mean() < 0.1  # worth a look, now and then


def test_the_evidence_is_that_of_the_gaussian_with_the_kernel_as_covariance():
    """log N(y | 0, w 1 1' + u X X' + diag(variance)) for a wide w, but for a constant and log w."""
    rng = np.random.default_rng(6)
    x, y, variance = rng.normal(size=(12, 3)), rng.normal(size=12), rng.uniform(0.5, 2, 12)
    w = 1e7
    for u, value in zip((0.0, 0.7), _log_likelihoods(x, y, variance, [0.0, 0.7]), strict=True):
        covariance = w + u * x @ x.T + np.diag(variance)
        expected = -0.5 * np.linalg.slogdet(covariance)[1] - 0.5 * y @ np.linalg.solve(
            covariance, y
        )
        assert value == pytest.approx(expected + 0.5 * np.log(w), abs=1e-5)


def test_useless_unit_vectors_with_a_common_part_leave_the_rate_where_it_is():
    """Rates have a long tail, all vectors point one way, and looks went to the winners: without an
    intercept the winners' rate would be everybody's.
    """
    rng = np.random.default_rng(7)
    theta = np.minimum(rng.gamma(0.3, 0.02 / 0.3, 2000), 0.9)
    x = rng.normal(size=(2000, 8)) + 3.0
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    n = np.where(theta > np.quantile(theta, 0.95), 5000.0, 30.0)
    s = rng.binomial(n.astype(int), theta).astype(float)
    anchor = neighbour_anchor(n, s, x, 0.02, 0.3)
    assert anchor.mean.mean() == pytest.approx(theta.mean(), rel=0.2)
    assert anchor.mean.std() < 0.003
