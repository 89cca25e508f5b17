import numpy as np
import pytest

from bandits.ope.sample import sample_of
from bandits.ope.snips import snips
from bandits.ope.terms import value
from tests.bandits.ope.making import paper_log, paper_target


def test_paper_log_divides_by_the_weights_seen():
    """(3/2 + 1 + 1/2) / (3/2 + 1 + 1/2 + 1 + 1/2 + 2) = 3 / 6.5."""
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0))
    assert value(snips(sample)) == pytest.approx(3 / 6.5)


def test_propensities_wrong_by_a_factor_do_not_matter():
    log = paper_log()
    wrong = log._replace(propensity=log.propensity * 0.3)
    assert value(
        snips(sample_of(wrong, paper_target(), np.random.default_rng(0)))
    ) == pytest.approx(3 / 6.5)
