import numpy as np
import pytest

from bandits.ope.ess import (
    Limits,
    TooLittleData,
    check_amount,
    check_weights,
    check_width,
    effective_rows,
    rows_for_width,
)


def test_effective_rows_of_equal_weights_is_their_number():
    """(4 x 2)^2 / (4 x 4) = 4; weights 3 and 1: 16 / 10."""
    assert effective_rows(np.full(4, 2.0)) == 4.0
    assert effective_rows(np.array([3.0, 1.0])) == pytest.approx(1.6)
    assert effective_rows(np.zeros(3)) == 0.0


def test_too_few_effective_rows_are_refused_with_the_rows_that_would_do():
    """10 of 1,000 rows have weight: 100 effective rows need 10,000."""
    weight = np.zeros(1000)
    weight[:10] = 100.0
    with pytest.raises(
        TooLittleData, match=r"10\.0 effective rows for this policy, expected at least 100"
    ) as refusal:
        check_amount(weight, np.ones(1000), Limits())
    assert refusal.value.rows_needed == 10_000


def test_too_few_rewards_are_refused_with_the_rows_that_would_do():
    """4 clicks in 1,000 rows: 5 need 1,250."""
    reward = np.zeros(1000)
    reward[:4] = 1.0
    with pytest.raises(TooLittleData, match=r"4\.0 effective rewards") as refusal:
        check_amount(np.ones(1000), reward, Limits())
    assert refusal.value.rows_needed == 1250


def test_rewards_are_expected_from_the_weights_and_not_from_which_rows_had_them():
    """A tenth of 10,000 rows has weight, and 30 clicks: 1,000 x 0.003 = 3 effective rewards,
    wherever the clicks fell.
    """
    weight, reward = np.zeros(10_000), np.zeros(10_000)
    weight[:1000] = 10.0
    for clicked in (slice(0, 30), slice(5000, 5030)):
        reward[:] = 0.0
        reward[clicked] = 1.0
        with pytest.raises(TooLittleData, match=r"3\.0 effective rewards") as refusal:
            check_amount(weight, reward, Limits())
        assert refusal.value.rows_needed == 16_667


def test_rewards_that_the_policy_could_not_have_earned_do_not_make_up_for_those_it_could():
    """100 clicks in 1,000 rows, all but two where the policy shows nothing."""
    weight, reward = np.zeros(1000), np.zeros(1000)
    weight[:500] = 2.0
    reward[498:598] = 1.0
    with pytest.raises(
        TooLittleData, match="2 rewards that this policy could have earned"
    ) as refusal:
        check_amount(weight, reward, Limits())
    assert refusal.value.rows_needed == 1250


def test_no_reward_at_all_is_refused():
    with pytest.raises(TooLittleData, match=r"1\.0 effective rewards") as refusal:
        check_amount(np.ones(1000), np.zeros(1000), Limits())
    assert refusal.value.rows_needed == 5000


def test_enough_is_not_refused():
    check_amount(np.ones(1000), np.ones(1000), Limits())
    check_weights(np.random.default_rng(0).exponential(size=1000), Limits())
    check_width(0.1, 0.05, 0.15, 1000, Limits())


def test_weights_that_do_not_average_one_are_refused():
    """Propensities of another policy: weights twice what they should be."""
    with pytest.raises(TooLittleData, match="instead of 1"):
        check_weights(2 * np.random.default_rng(0).exponential(size=1000), Limits())


def test_an_interval_too_wide_is_refused_with_the_rows_that_would_do():
    """+-50% at 1,000 rows; for +-10% it takes 25 times as many."""
    with pytest.raises(
        TooLittleData, match="50% of the estimate to each side, expected at most 10%"
    ) as refusal:
        check_width(0.1, 0.05, 0.15, 1000, Limits(max_relative_width=0.1))
    assert refusal.value.rows_needed == 25_000


def test_a_lift_of_ten_percent_by_replay_takes_millions_of_rows():
    """34 items at a click rate of 0.46% (the Open Bandit log), two-sided 5% and 80% power: (1.96 +
    0.84) standard errors of the difference must be 0.00046, so 2 x 2.8016^2 x 0.9954 / (0.01 x
    0.0046) = 340,000 matches each, and 34 times as many rows.
    """
    rate, rows = 0.0046, 10_000
    half = (1.95996 + 0.84162) * np.sqrt(2 * rate * (1 - rate) / (rows / 34))
    assert rows_for_width(half, 0.1 * rate, rows) == pytest.approx(11.55e6, rel=0.01)
