"""Gaussian Thompson for values: mean and spread of a compound of clicks and values."""

import numpy as np
import pytest

from bandits.policies.thompson_gaussian import thompson_gaussian
from tests.bandits.arms_sample import arms_of


def test_the_mean_is_rate_times_value_on_paper():
    """n = 998, s = 99, Beta(1, 1): p = 100/1000. Values 198, segment value per success (198 + 1) /
    (99 + 1) = 1.99.

    v = (198 + 3 * 1.99) / (99 + 3) = 1.99970...; mean p v.
    """
    arms = arms_of([998], [99], value=np.array([198.0]))
    v = (198 + 3 * 1.99) / 102
    draws = thompson_gaussian().draws(arms, np.random.default_rng(0), 100_000)
    sd = (v + 1.99 / 3) * np.sqrt(0.1 * (0.9 + 1) / 1001)
    assert draws.mean() == pytest.approx(0.1 * v, abs=4 * sd / np.sqrt(100_000))
    assert draws.std() == pytest.approx(sd, rel=0.01)


def test_an_arm_of_returns_scores_below_zero():
    arms = arms_of([1e5, 1e5], [1e4, 1e4], value=np.array([-2e4, 1e4]))
    scores = thompson_gaussian().draws(arms, np.random.default_rng(0), 100)
    assert (scores[:, 0] < 0).all()
    assert (scores[:, 1] > 0).all()
