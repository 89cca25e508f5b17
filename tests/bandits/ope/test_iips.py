import numpy as np
import pytest

from bandits.ope.iips import iips, iips_sn
from bandits.ope.sample import sample_of
from bandits.ope.terms import value
from tests.bandits.ope.making import paper_log, paper_target, rows


def test_paper_log_earns_one_per_slate():
    """(3/2 + 1 + 1/2) / 3 = 1."""
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0))
    assert value(iips(sample)) == pytest.approx(1.0)


def test_self_normalised_divides_each_position_by_its_weights():
    """Top: (3/2 + 1/2) / (3/2 + 1/2 + 1/2) = 0.8; below: 1 / (1 + 1 + 2) = 1/4."""
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0))
    assert value(iips_sn(sample)) == pytest.approx(1.05)


def test_a_position_that_half_the_slates_have_counts_half():
    """Two slates, the second without a second place: 1 at the top of both, and 1 in half of the
    slates: 3/2.
    """
    log = rows(
        slate=[0, 0, 1], position=[0, 1, 0], item=[0, 1, 0], propensity=[1, 0.5, 1], click=[1, 1, 1]
    )
    from bandits.ope.target import fixed

    target = fixed("same", np.array([[[1.0, 0.0], [0.5, 0.5]]]))
    assert value(iips_sn(sample_of(log, target, np.random.default_rng(0)))) == pytest.approx(1.5)
