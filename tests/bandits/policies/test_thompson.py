"""Thompson sampling draws from the posterior, and its regret stays near the bound of Lai and
Robbins.
"""

import numpy as np
import pytest

from bandits.arms import posterior
from bandits.policies.kl_ucb import kl
from bandits.policies.thompson import thompson
from tests.bandits.arms_sample import arms_of


def test_draws_have_the_posteriors_mean_and_spread():
    """Beta(7, 23): mean 7/30, variance 7 * 23 / (30^2 * 31)."""
    draws = thompson().draws(
        arms_of([20], [5], mean=0.2, strength=10), np.random.default_rng(0), 200_000
    )
    variance = 7 * 23 / (30**2 * 31)
    assert draws.mean() == pytest.approx(7 / 30, abs=4 * np.sqrt(variance / 200_000))
    assert draws.var() == pytest.approx(variance, rel=0.02)


def test_sharper_draws_keep_the_mean_and_narrow_the_spread():
    """Sharpness 4 of Beta(7, 23) is Beta(28, 92): variance 7/30 * 23/30 / 121."""
    draws = thompson(sharpness=4.0).draws(
        arms_of([20], [5], mean=0.2, strength=10), np.random.default_rng(0), 200_000
    )
    assert draws.mean() == pytest.approx(7 / 30, abs=1e-3)
    assert draws.var() == pytest.approx(7 / 30 * 23 / 30 / 121, rel=0.02)


def test_regret_is_within_twice_the_lower_bound_of_lai_and_robbins():
    """10 arms, 100,000 rounds, 20 runs side by side; the bound is sum over arms of gap / kl(p_a,
    p*) times log T.

    Rates 0.1 and nine lower ones: regret and bound are compared as means over the runs.
    """
    rates = np.array([0.1, 0.05, 0.05, 0.05, 0.02, 0.02, 0.02, 0.01, 0.01, 0.01])
    rounds, runs = 100_000, 20
    gap = rates[0] - rates
    bound = (gap[1:] / kl(rates[1:], np.full(9, rates[0]))).sum() * np.log(rounds)
    rng = np.random.default_rng(2011)
    n, s, every = np.zeros((runs, 10)), np.zeros((runs, 10)), np.arange(runs)
    policy = thompson()
    for _ in range(rounds):
        # The runs are laid side by side as arms of one view: every arm draws independently, so they
        # do not meet.
        arms = arms_of(n.ravel(), s.ravel())
        chosen = policy.score(arms, rng).reshape(runs, 10).argmax(axis=1)
        n[every, chosen] += 1
        s[every, chosen] += rng.random(runs) < rates[chosen]
    regret = (n * gap).sum(axis=1).mean()
    assert posterior(arms_of(n.ravel(), s.ravel()))[0].shape == (200,)
    assert 0.3 * bound < regret < 2 * bound
