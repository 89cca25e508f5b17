"""Epsilon-greedy: one coin for the whole slate."""

import numpy as np
import pytest

from bandits.arms import posterior_mean
from bandits.policies.epsilon_greedy import epsilon_greedy
from tests.bandits.arms_sample import arms_of


def test_epsilon_0_is_greedy_and_1_is_random():
    arms = arms_of([100, 100], [10, 90])
    assert epsilon_greedy(epsilon=0.0).score(arms, np.random.default_rng(0)) == pytest.approx(
        posterior_mean(arms)
    )
    first = epsilon_greedy(epsilon=1.0).draws(arms, np.random.default_rng(0), 4000).argmax(axis=1)
    assert first.mean() == pytest.approx(0.5, abs=0.04)  # 5 standard errors


def test_a_random_slate_comes_as_often_as_epsilon_says():
    """epsilon = 0.2: of 20,000 draws 4,000 +- 57 differ from the greedy scores."""
    arms = arms_of([100, 100], [10, 90])
    scores = epsilon_greedy(epsilon=0.2).draws(arms, np.random.default_rng(1), 20_000)
    explored = (scores != posterior_mean(arms)).all(axis=1).sum()
    assert abs(explored - 4000) < 4 * 57
