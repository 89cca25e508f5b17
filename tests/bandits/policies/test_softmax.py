"""Softmax: Plackett-Luce over posterior means."""

import numpy as np
import pytest

from bandits.policies.softmax import softmax
from tests.bandits.arms_sample import arms_of


def test_the_first_place_follows_the_powers_of_the_means():
    """Means 0.2 and 0.4, tau = 0.5: shares 0.2^2 : 0.4^2 = 1 : 4."""
    arms = arms_of([0, 0], [0, 0], mean=np.array([0.2, 0.4]))
    first = softmax(tau=0.5).draws(arms, np.random.default_rng(0), 40_000).argmax(axis=1)
    assert first.mean() == pytest.approx(0.8, abs=0.008)  # 4 standard errors


def test_the_share_depends_on_the_ratio_of_rates_alone():
    rich = arms_of([0, 0], [0, 0], mean=np.array([0.2, 0.4]))
    poor = arms_of([0, 0], [0, 0], mean=np.array([0.002, 0.004]))
    a, b = (
        softmax().draws(arms, np.random.default_rng(3), 100).argmax(axis=1) for arms in (rich, poor)
    )
    assert (a == b).all()
