"""Random order: every item first equally often."""

import numpy as np

from bandits.policies.random_order import random
from tests.bandits.arms_sample import arms_of


def test_every_item_comes_first_equally_often():
    """5 items, 20,000 draws: 4,000 each, standard deviation 57."""
    scores = random().draws(arms_of([9] * 5, [1, 2, 3, 4, 5]), np.random.default_rng(0), 20_000)
    first = np.bincount(scores.argmax(axis=1), minlength=5)
    assert (abs(first - 4000) < 4 * 57).all()
