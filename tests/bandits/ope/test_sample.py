import numpy as np
import pytest

from bandits.ope.log import LogError, take
from bandits.ope.sample import drawn_uniformly, sample_of
from bandits.ope.target import Target, fixed
from tests.bandits.ope.making import paper_log, paper_model, paper_target, rows


def test_weights_are_those_of_the_paper_log():
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0), paper_model())
    np.testing.assert_allclose(sample.weight, [1.5, 1.0, 0.5, 1.0, 0.5, 2.0])
    np.testing.assert_allclose(sample.q_logged, [0.6, 0.2, 0.2, 0.3, 0.4, 0.1])
    np.testing.assert_allclose(sample.q_target, [0.525, 0.175] * 3)


def test_slates_may_come_in_any_order_and_under_any_number():
    log = paper_log()._replace(slate=np.array([70, 70, 5, 5, 900, 900]))
    sample = sample_of(
        take(log, np.array([5, 0, 3, 1, 4, 2])), paper_target(), np.random.default_rng(0)
    )
    np.testing.assert_array_equal(sample.slate, [0, 0, 1, 1, 2, 2])
    # slate 5 is the first
    np.testing.assert_allclose(sample.weight, [0.5, 1.0, 1.5, 1.0, 0.5, 2.0])


def test_plackett_luce_weights_follow_the_items_above():
    """Weights (1, 2, 4), slate (2, 0): 4/7, then 1/3 among what is left; logged with 1/3 and 1/2:
    12/7, and 12/7 x 2/3.

    q below is (0.3, 0.2, 0.1), of which item 2 is placed: (0.3 x 1 + 0.2 x 2) / 3.
    """
    log = rows(slate=[0, 0], position=[0, 1], item=[2, 0], propensity=[1 / 3, 1 / 2], click=[1, 1])
    weights = np.array([[1.0, 2.0, 4.0]])
    target = Target("pl", np.full((1, 2, 3), 1 / 3), "sequential", weights)
    sample = sample_of(log, target, np.random.default_rng(0), paper_model(), conditional=True)
    np.testing.assert_allclose(sample.weight, [12 / 7, 2 / 3])
    np.testing.assert_allclose(sample.prefix_weight, [12 / 7, 12 / 7 * 2 / 3])
    q_top = (0.6 * 1 + 0.4 * 2 + 0.2 * 4) / 7
    # the marginal table says 1/3 each: what the rest of the slate is modelled to earn
    q_below = 0.2
    np.testing.assert_allclose(sample.q_rest_target, [q_top + q_below, (0.3 * 1 + 0.2 * 2) / 3])
    np.testing.assert_allclose(sample.q_rest_logged, [0.2 + q_below, 0.3])


def test_a_joint_target_has_no_prefix_weights():
    target = paper_target()._replace(slots="joint")
    assert (
        sample_of(paper_log(), target, np.random.default_rng(0), conditional=True).prefix_weight
        is None
    )


def test_slates_with_gaps_are_refused_where_the_items_above_count():
    gap = take(paper_log(), np.array([0, 1, 3, 4, 5]))  # slate 1 has no top
    with pytest.raises(LogError, match="from 0 without a gap"):
        sample_of(gap, paper_target(), np.random.default_rng(0), conditional=True)
    # and welcome where they do not
    assert sample_of(gap, paper_target(), np.random.default_rng(0)).weight.size == 5


def test_uniform_logs_are_told_by_their_propensities():
    assert drawn_uniformly(rows(item=[0, 1, 2], propensity=[0.2, 0.2, 0.2]))
    assert not drawn_uniformly(rows(item=[0, 1, 2], propensity=[0.2, 0.2, 0.3]))
    assert drawn_uniformly(rows(item=[0, 1, 2], propensity=[0.2, 0.2, 0.3], segment=[0, 0, 1]))


def test_items_beyond_the_target_are_refused():
    with pytest.raises(LogError, match="item from 0 to 1, found 2"):
        sample_of(
            paper_log(), fixed("two items", np.full((1, 2, 2), 0.5)), np.random.default_rng(0)
        )


def test_sequential_target_without_weights_is_refused():
    target = paper_target()._replace(slots="sequential")
    with pytest.raises(LogError, match="Plackett-Luce weights"):
        sample_of(paper_log(), target, np.random.default_rng(0), conditional=True)
