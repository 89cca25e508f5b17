import numpy as np
import pytest

from bandits.ope.direct import direct
from bandits.ope.sample import sample_of
from bandits.ope.terms import value
from tests.bandits.ope.making import paper_log, paper_model, paper_target


def test_paper_log_averages_the_model_under_the_target():
    """Top: 3/4 0.6 + 1/8 0.4 + 1/8 0.2 = 0.525; below: 1/4 0.3 + 1/4 0.2 + 1/2 0.1 = 0.175; half of
    each: 0.35.
    """
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0), paper_model())
    assert value(direct(sample)) == pytest.approx(0.35)
