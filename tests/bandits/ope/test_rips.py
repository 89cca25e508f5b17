import numpy as np
import pytest

from bandits.ope.rips import rips, rips_sn, sips, slate_weight
from bandits.ope.sample import sample_of
from bandits.ope.terms import EstimatorError, value
from tests.bandits.ope.making import paper_log, paper_target


def seen():
    return sample_of(paper_log(), paper_target(), np.random.default_rng(0), conditional=True)


def test_paper_log_multiplies_weights_from_the_top():
    """Weights (3/2, 3/2), (1/2, 1/2), (1/2, 1); clicks in the first, the fourth and the fifth row:
    (3/2 + 1/2 + 1/2) / 3.
    """
    assert value(rips(seen())) == pytest.approx(2.5 / 3)


def test_self_normalised_divides_each_position_by_its_weights():
    """Top: 2 / 2.5; below: 1/2 / (3/2 + 1/2 + 1)."""
    assert value(rips_sn(seen())) == pytest.approx(0.8 + 1 / 6)


def test_standard_ips_weighs_whole_slates():
    """Weights 3/2, 1/2, 1; one click in each slate: 3 / 3."""
    np.testing.assert_allclose(slate_weight(seen()), [1.5, 0.5, 1.0])
    assert value(sips(seen())) == pytest.approx(1.0)


def test_marginal_propensities_are_not_enough():
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0))
    with pytest.raises(EstimatorError, match="use iips"):
        rips(sample)
