import numpy as np
import pytest

from bandits.ope.cascade_dr import above, cascade_dr
from bandits.ope.reward_model import RewardModel
from bandits.ope.rips import prefix, rips
from bandits.ope.sample import sample_of
from bandits.ope.terms import value
from tests.bandits.ope.making import paper_log, paper_model, paper_target


def seen(model):
    return sample_of(paper_log(), paper_target(), np.random.default_rng(0), model, conditional=True)


def test_paper_log_models_the_rest_of_the_slate():
    """Q at the top is q + 0.175: (0.775, 0.575, 0.375), expected 0.7; below (0.3, 0.2, 0.1),
    expected 0.175.

    slate 0: 3/2 (1 - 0.775) + 0.7 = 1.0375;  3/2 (0 - 0.2) + 3/2 0.175 = -0.0375
    slate 1: 1/2 (0 - 0.375) + 0.7 = 0.5125;  1/2 (1 - 0.3) + 1/2 0.175 = 0.4375
    slate 2: 1/2 (1 - 0.575) + 0.7 = 0.9125;  1   (0 - 0.1) + 1/2 0.175 = -0.0125        sum 2.85,
    of 3 slates 0.95
    """
    assert value(cascade_dr(seen(paper_model()))) == pytest.approx(0.95)


def test_weight_above_is_one_at_the_top():
    sample = seen(paper_model())
    np.testing.assert_allclose(above(sample, prefix(sample)), [1.0, 1.5, 1.0, 0.5, 1.0, 0.5])


def test_a_model_of_zero_leaves_rips():
    sample = seen(RewardModel(np.zeros((1, 2, 3)), 3))
    assert value(cascade_dr(sample)) == pytest.approx(value(rips(sample)))
