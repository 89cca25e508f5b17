import numpy as np
import pytest

from bandits.ope.doubly_robust import doubly_robust, doubly_robust_sn
from bandits.ope.ips import ips
from bandits.ope.reward_model import RewardModel
from bandits.ope.sample import sample_of
from bandits.ope.terms import value
from tests.bandits.ope.making import paper_log, paper_model, paper_target


def test_paper_log_mends_the_model_by_its_errors():
    """q under the target is 0.525 and 0.175; w (r - q):

    3/2 (1 - 0.6) = 0.6, 1 (0 - 0.2) = -0.2, 1/2 (0 - 0.2) = -0.1, 1 (1 - 0.3) = 0.7, 1/2 (1 - 0.4)
    = 0.3, 2 (0 - 0.1) = -0.2; (3 x 0.525 + 3 x 0.175 + 1.1) / 6 = 3.2 / 6.
    """
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0), paper_model())
    assert value(doubly_robust(sample)) == pytest.approx(3.2 / 6)


def test_self_normalised_divides_the_errors_by_the_weights_seen():
    """0.35 + 1.1 / 6.5."""
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0), paper_model())
    assert value(doubly_robust_sn(sample)) == pytest.approx(0.35 + 1.1 / 6.5)


def test_a_model_of_zero_leaves_ips():
    sample = sample_of(
        paper_log(), paper_target(), np.random.default_rng(0), RewardModel(np.zeros((1, 2, 3)), 3)
    )
    assert value(doubly_robust(sample)) == pytest.approx(value(ips(sample)))
