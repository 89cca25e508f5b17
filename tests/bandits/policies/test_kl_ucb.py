"""KL-UCB equals SciPy's root of the same equation."""

import numpy as np
import pytest
from scipy.optimize import brentq

from bandits.arms import posterior
from bandits.policies.kl_ucb import kl, kl_ucb, upper_bound
from tests.bandits.arms_sample import arms_of, random_arms


def test_the_divergence_on_paper():
    """kl(0.5, 0.25) = 0.5 log 2 + 0.5 log(2/3) = 0.14384."""
    assert kl(np.array([0.5]), np.array([0.25]))[0] == pytest.approx(
        0.5 * np.log(2) + 0.5 * np.log(2 / 3)
    )
    assert kl(np.array([0.0]), np.array([0.5]))[0] == pytest.approx(np.log(2))


@pytest.mark.parametrize("plus", [True, False])
@pytest.mark.parametrize("c", [0.0, 3.0])
def test_the_index_equals_the_root_that_scipy_finds(c, plus):
    arms = random_arms(8, n_items=40)
    index = kl_ucb(c=c, plus=plus).score(arms, np.random.default_rng(0))
    alpha, beta = posterior(arms)
    for i in range(40):
        n, p = alpha[i] + beta[i], alpha[i] / (alpha[i] + beta[i])
        budget = np.log(1 + arms.total / n) if plus else np.log(arms.total)
        budget += c * np.log(np.log(arms.total))
        root = brentq(
            lambda q, p=p, n=n, budget=budget: n * kl(np.array(p), np.array(q)) - budget,
            p,
            1 - 1e-15,
            xtol=1e-14,
        )
        assert index[i] == pytest.approx(root, abs=1e-10)


def test_an_arm_with_few_looks_gets_the_larger_bonus():
    """Both at rate 0.2; the one with 50 looks may still be better than the one with 5,000."""
    index = kl_ucb().score(arms_of([50, 5000], [10, 1000]), np.random.default_rng(0))
    assert index[0] > index[1] > 0.2


def test_a_negative_c_is_refused():
    with pytest.raises(ValueError, match="kl_ucb: c must be at least 0, found -1"):
        kl_ucb(c=-1.0)


def test_newton_from_the_right_agrees_with_halving_over_decades():
    rng = np.random.default_rng(1)
    p = np.r_[0.0, 1e-9, 1 - 1e-9, rng.beta(0.3, 2, 3000)]
    d = np.r_[0.7, 2.0, 0.1, 10 ** rng.uniform(-8, 1.3, 3000)]
    low, high = p.copy(), np.ones_like(p)
    for _ in range(60):
        q = (low + high) / 2
        low, high = np.where(kl(p, q) <= d, q, low), np.where(kl(p, q) <= d, high, q)
    assert upper_bound(p, d) == pytest.approx(low, rel=1e-7, abs=1e-12)


def test_no_budget_is_the_mean_and_more_budget_is_higher():
    p = np.array([0.0, 0.01, 0.5, 0.99])
    assert upper_bound(p, np.zeros(4)) == pytest.approx(p)
    assert (upper_bound(p, np.full(4, 0.1)) > upper_bound(p, np.full(4, 0.01))).all()
