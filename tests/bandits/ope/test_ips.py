import numpy as np
import pytest

from bandits.ope.ips import ips
from bandits.ope.sample import sample_of
from bandits.ope.terms import value
from tests.bandits.ope.making import paper_log, paper_target


def test_paper_log_earns_a_half_per_row():
    """(3/2 + 1 + 1/2) / 6 = 1/2: rewarded rows have weights 3/2, 1 and 1/2."""
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0))
    assert value(ips(sample)) == pytest.approx(1 / 2)


def test_cap_cuts_large_weights():
    """With weights cut at 1: (1 + 1 + 1/2) / 6."""
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0))
    assert value(ips(sample, weight_cap=1.0)) == pytest.approx(2.5 / 6)
