"""The posterior that all policies share, on numbers that fit on paper."""

import numpy as np
import pytest

from bandits.arms import Need, index_policy, posterior, posterior_mean
from tests.bandits.arms_sample import arms_of


def test_the_posterior_adds_successes_and_failures_to_the_prior():
    """m = 0.2, k = 10, n = 20, s = 5: alpha = 2 + 5 = 7, beta = 8 + 15 = 23."""
    alpha, beta = posterior(arms_of([20], [5], mean=0.2, strength=10))
    assert (alpha[0], beta[0]) == (7.0, 23.0)


def test_clicks_above_examined_looks_count_as_no_failure():
    """A click at a place of weight 0.4: n = 0.4, s = 1, n - s < 0 counts as 0."""
    alpha, beta = posterior(arms_of([0.4], [1], mean=0.5, strength=2))
    assert (alpha[0], beta[0]) == (2.0, 1.0)


def test_looks_in_flight_move_no_mean_and_narrow_the_posterior():
    """30 looks' worth at mean 7/30, 30 more in flight: both parameters double."""
    arms = arms_of([20], [5], mean=0.2, strength=10)
    flying = arms._replace(in_flight=np.array([30.0]))
    assert posterior(flying)[0][0] == pytest.approx(14.0)
    assert posterior(flying)[1][0] == pytest.approx(46.0)
    assert posterior_mean(flying)[0] == pytest.approx(posterior_mean(arms)[0])


def test_an_index_policy_repeats_its_index():
    policy = index_policy("twice", lambda arms: arms.clicks * 2)
    assert policy.needs is Need.DETERMINISTIC
    assert policy.draws(arms_of([3, 3], [1, 2]), np.random.default_rng(0), 2).tolist() == [
        [2, 4],
        [2, 4],
    ]
