"""The balance heuristic: the log's average policy as denominator."""

import numpy as np
import pytest

from bandits.ope.balance import average_policy, average_weights, balance
from bandits.ope.sample import sample_of
from bandits.ope.snips import snips
from bandits.ope.target import fixed
from bandits.ope.terms import EstimatorError, value
from tests.bandits.ope.making import paper_log, paper_target, rows


def test_paper_log_by_the_share_of_rows_that_show_an_item():
    """Every item is shown by one of three rows at each place: weights 9/4, 3/8, 3/8 at the top,
    3/4, 3/4, 3/2 below; (9/4 + 3/8 + 3/4) / 6. One row is no count: the propensity is taken where
    it is less, 1/4 in all rows but the first: (9/4 + 1/2 + 1) / (9/4 + 1 + 1/2 + 1 + 1/2 + 2).
    """
    log, target = paper_log(), paper_target()
    sample = sample_of(log, target, np.random.default_rng(0))
    assert value(balance(sample)) == pytest.approx(3.75 / 7.25)
    weight = target.table[log.segment, log.position, log.item] / average_policy(log, 1)
    sample = sample._replace(balanced=weight)
    assert value(balance(sample)) == pytest.approx(27 / 48)


def test_segments_and_places_have_averages_of_their_own():
    log = rows(
        slate=[0, 0, 1, 1, 2],
        position=[0, 1, 0, 1, 0],
        item=[0, 1, 0, 2, 1],
        segment=[0, 0, 0, 0, 1],
        propensity=np.full(5, 0.5),
    )
    assert average_policy(log, 1) == pytest.approx([1, 0.5, 1, 0.5, 1])


def test_what_is_shown_seldom_weighs_no_more_than_the_policy_shows_of_it():
    """Item 0 has 8 of 10 rows and half of the policy: 10 / 8 / 2 each. Items 1 and 2 have one row
    each, by propensities of 1/50 and 1/2, and a quarter of the policy: 12.5 and 2.5, the share
    being less than 1/2; together 15 where 10 / 2 are due, so a third of that.
    """
    log = rows(item=[0] * 8 + [1, 2], propensity=np.array([0.5] * 8 + [1 / 50, 0.5]))
    weight = average_weights(log, np.array([[[0.5, 0.25, 0.25]]]))
    assert weight == pytest.approx([0.625] * 8 + [12.5 / 3, 2.5 / 3])
    assert weight.mean() == pytest.approx(1)


def test_a_log_that_lacks_what_the_policy_shows_keeps_its_weights():
    """Half of the policy is shown by no row: nothing is made up for it."""
    log = rows(item=[0] * 9 + [1], propensity=np.full(10, 0.5))
    weight = average_weights(log, np.array([[[0.25, 0.25, 0.5]]]))
    assert weight == pytest.approx([0.25 / 0.9] * 9 + [2.5])


def test_a_log_of_two_policies_is_judged_better_than_by_the_one_that_chose():
    """Item 0 is shown in 1 of 512 slates of the first policy and in 9 of 10 of the second; item 1
    in the others. A target that shows item 0 is spread 30 times less by the average policy.
    """
    rng = np.random.default_rng(1)
    found = []
    for _ in range(200):
        p = np.repeat([1 / 512, 0.9], 1000)  # of item 0
        item = (rng.random(2000) >= p).astype(int)
        click = rng.random(2000) < np.array([0.3, 0.1])[item]
        log = rows(item=item, propensity=np.where(item == 0, p, 1 - p), click=click)
        sample = sample_of(log, fixed("0", np.array([[[1.0, 0.0]]])), rng)
        found.append((value(balance(sample)), value(snips(sample))))
    average, chosen = np.array(found).T
    assert average.mean() == pytest.approx(0.3, abs=0.005)
    assert chosen.std() > 5 * average.std()


def test_propensities_given_the_items_above_are_no_average():
    sample = sample_of(paper_log(), paper_target(), np.random.default_rng(0), conditional=True)
    with pytest.raises(EstimatorError, match="use rips"):
        balance(sample)
