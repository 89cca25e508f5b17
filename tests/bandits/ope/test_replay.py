import numpy as np
import pytest

from bandits.ope.replay import replay
from bandits.ope.sample import sample_of
from bandits.ope.target import fixed
from bandits.ope.terms import EstimatorError, value
from tests.bandits.ope.making import paper_log, paper_target, rows


def test_only_rows_where_the_policy_agrees_count():
    """Target always shows item 1: rows 1, 3 and 4 agree, with clicks 1, 0, 1, so V = 2/3."""
    log = rows(item=[0, 1, 2, 1, 1, 0], propensity=[1 / 3] * 6, click=[1, 1, 1, 0, 1, 1])
    target = fixed("item 1", np.array([[[0.0, 1.0, 0.0]]]))
    assert value(replay(sample_of(log, target, np.random.default_rng(0)))) == pytest.approx(2 / 3)


def test_a_log_that_was_not_uniform_is_refused():
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0))
    with pytest.raises(EstimatorError, match="uniformly at random; use snips"):
        replay(sample)


def test_a_random_policy_is_replayed_by_its_draws():
    """One item in three agrees, and the click rates 0.1, 0.2, 0.6 are met in the proportions 1/2,
    1/4, 1/4: V = 0.25.
    """
    rng = np.random.default_rng(3)
    item = rng.integers(0, 3, 60_000)
    click = rng.random(60_000) < np.array([0.1, 0.2, 0.6])[item]
    log = rows(item=item, propensity=np.full(60_000, 1 / 3), click=click)
    sample = sample_of(log, fixed("mixed", np.array([[[0.5, 0.25, 0.25]]])), rng)
    assert sample.matched is not None
    assert sample.matched.mean() == pytest.approx(1 / 3, abs=0.01)
    assert value(replay(sample)) == pytest.approx(0.25, abs=0.01)
