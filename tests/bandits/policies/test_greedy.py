"""Greedy ranks by the posterior mean."""

import numpy as np
import pytest

from bandits.policies.greedy import greedy
from tests.bandits.arms_sample import arms_of


def test_the_score_is_the_posterior_mean():
    """(1 + 3) / (2 + 8) = 0.4 and (1 + 0) / (2 + 0) = 0.5."""
    assert greedy().score(arms_of([8, 0], [3, 0]), np.random.default_rng(0)) == pytest.approx(
        [0.4, 0.5]
    )
