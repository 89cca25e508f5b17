"""Gamma, Beta and normal functions equal SciPy's."""

import numpy as np
import pytest
from scipy import special, stats

from bandits.learning.special import (
    beta_cdf,
    beta_quantile,
    digamma_trigamma,
    log_beta,
    log_beta_binomial,
    log_gamma,
    normal_cdf,
)

RNG = np.random.default_rng(5)
A = 10 ** RNG.uniform(-2, 6, 400)
B = 10 ** RNG.uniform(-2, 6, 400)


def test_log_gamma_equals_scipy():
    x = 10 ** RNG.uniform(-3, 8, 500)
    assert log_gamma(x) == pytest.approx(special.gammaln(x), rel=1e-12, abs=1e-13)


def test_its_derivatives_equal_scipys():
    x = 10 ** RNG.uniform(-3, 8, 500)
    first, second = digamma_trigamma(x)
    assert first == pytest.approx(special.digamma(x), rel=1e-12, abs=1e-12)
    assert second == pytest.approx(special.polygamma(1, x), rel=1e-12)


def test_log_beta_equals_scipy():
    assert log_beta(A, B) == pytest.approx(special.betaln(A, B), rel=1e-9, abs=1e-8)


def test_beta_binomial_equals_scipy_up_to_the_coefficient():
    n = np.array([0.0, 5.0, 50.0])
    s = np.array([0.0, 2.0, 50.0])
    a, b = np.array([1.0, 2.0, 0.5]), np.array([1.0, 7.0, 3.0])
    expected = stats.betabinom.logpmf(s, n, a, b) - np.log(special.binom(n, s))
    assert log_beta_binomial(s, n, a, b) == pytest.approx(expected, rel=1e-10, abs=1e-12)


def test_beta_cdf_equals_scipy_in_and_out_of_the_tails():
    mean = A / (A + B)
    sd = np.sqrt(mean * (1 - mean) / (A + B + 1))
    for z in (-6, -2, 0, 1, 6):
        x = np.clip(mean + z * sd, 1e-12, 1 - 1e-12)
        assert beta_cdf(x, A, B) == pytest.approx(special.betainc(A, B, x), abs=1e-8)


def test_beta_cdf_is_0_and_1_at_the_ends():
    assert beta_cdf(np.array([0.0, 1.0]), np.array([2.0]), np.array([3.0])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize("q", [1e-9, 1e-4, 0.3, 0.99, 1 - 1e-6, 1 - 1e-10])
def test_beta_quantile_equals_scipy(q):
    a, b = np.maximum(A, 0.5), np.maximum(B, 0.5)
    ours = beta_quantile(np.full(a.size, q), a, b)
    assert ours == pytest.approx(stats.beta.ppf(q, a, b), rel=1e-6, abs=1e-8)


def test_normal_cdf_equals_scipy_in_and_out_of_the_tails():
    x = np.concatenate([RNG.normal(size=300), [-35.0, -8.0, 0.0, 8.0]]).reshape(2, -1)
    assert normal_cdf(x) == pytest.approx(stats.norm.cdf(x), rel=1e-10)
