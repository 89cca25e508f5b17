"""Bayes-UCB equals SciPy's quantile."""

import numpy as np
import pytest
from scipy import stats

from bandits.arms import posterior
from bandits.policies.bayes_ucb import bayes_ucb
from tests.bandits.arms_sample import arms_of, random_arms


@pytest.mark.parametrize("c", [0.0, 5.0])
def test_the_index_equals_scipys_quantile(c):
    arms = random_arms(9, n_items=60)
    alpha, beta = posterior(arms)
    q = 1 - 1 / (arms.total * np.log(arms.total) ** c)
    assert bayes_ucb(c=c).score(arms, np.random.default_rng(0)) == pytest.approx(
        stats.beta.ppf(q, alpha, beta), rel=1e-6
    )


def test_a_uniform_posterior_has_its_quantile_on_paper():
    """Beta(1, 1), T = 10 in another arm: quantile 1 - 1/10 = 0.9."""
    assert bayes_ucb().score(arms_of([0, 10], [0, 5]), np.random.default_rng(0))[
        0
    ] == pytest.approx(0.9)
