"""UCB1, on paper and at low rates."""

import numpy as np
import pytest

from bandits.policies.ucb1 import ucb1
from tests.bandits.arms_sample import arms_of


def test_the_classic_index_on_paper():
    """Beta(1, 1), n = 98, s = 49: p = 0.5, N = 100; T = 98: 0.5 + 2 sqrt(0.5 log(98) / 100) =
    0.80282.
    """
    score = ucb1(c=2.0, scaled=False).score(arms_of([98], [49]), np.random.default_rng(0))
    assert score[0] == pytest.approx(0.5 + 2 * np.sqrt(0.5 * np.log(98) / 100), rel=1e-12)
    assert score[0] == pytest.approx(0.80282, abs=1e-4)


def test_the_scaled_bonus_shrinks_with_the_rate():
    """At a rate of 1% the variance is 0.0099 + 1/N, not 0.25: a bonus five times smaller at N =
    10,000.
    """
    arms = arms_of([1e4], [100], mean=0.01, strength=1e-6)
    classic, scaled = (
        ucb1(scaled=flag).score(arms, np.random.default_rng(0))[0] - 0.01 for flag in (False, True)
    )
    assert classic / scaled == pytest.approx(np.sqrt(0.25 / (0.0099 + 1e-4)), rel=1e-4)
