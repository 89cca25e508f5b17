import numpy as np
import pytest

from bandits.ope.ess import (
    Expected,
    Limits,
    TooLittleData,
    check_amount,
    check_weights,
    check_width,
    effective_rows,
    expected_rewards,
    rows_for_width,
)
from tests.bandits.ope.making import rows


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
        check_amount(weight, 1.0, Limits())
    assert refusal.value.rows_needed == 10_000


def test_too_few_rewards_to_be_expected_are_refused_with_the_rows_that_would_do():
    """4 clicks in 1,000 rows that are not judged: 5 need 1,250."""
    with pytest.raises(TooLittleData, match=r"4\.0 effective rewards") as refusal:
        check_amount(np.ones(1000), 0.004, Limits())
    assert refusal.value.rows_needed == 1250


def test_rewards_are_expected_from_the_weights():
    """A tenth of 10,000 rows has weight, and 3 in 1,000 are clicked: 3 effective rewards."""
    weight = np.zeros(10_000)
    weight[:1000] = 10.0
    with pytest.raises(TooLittleData, match=r"3\.0 effective rewards") as refusal:
        check_amount(weight, 0.003, Limits())
    assert refusal.value.rows_needed == 16_667


def test_what_is_expected_is_counted_in_rows_and_in_slates():
    """Two of six rows are clicked, in one of three slates; nothing clicked counts as one."""
    log = rows(
        slate=[0, 0, 1, 1, 2, 2],
        position=[0, 1] * 3,
        item=[0, 1] * 3,
        click=[1, 1] + [0] * 4,
        propensity=[1] * 6,
    )
    found = expected_rewards(log)
    assert found == pytest.approx((1 / 3, 1 / 3, 1 / 3, np.sqrt(2) / 3))
    assert expected_rewards(log, "conversion") == pytest.approx((1 / 6, 1 / 3, 0, 0))


def test_enough_is_not_refused():
    check_amount(np.ones(1000), 1.0, Limits())
    check_weights(np.random.default_rng(0).exponential(size=1000), Limits())
    check_width(100.0, Expected(0.1, 0.1, 0.1, 0.3), 0.95, 1000, Limits())


def test_weights_that_do_not_average_one_are_refused():
    """Propensities of another policy: weights twice what they should be."""
    with pytest.raises(TooLittleData, match="instead of 1"):
        check_weights(2 * np.random.default_rng(0).exponential(size=1000), Limits())


def test_an_interval_too_wide_is_refused_with_the_rows_that_would_do():
    """A spread of 3 means, 138.3 effective rows: 1.96 x 3 / sqrt(138.3) = 50% to each side; for 10%
    it takes 25 times as many.
    """
    with pytest.raises(
        TooLittleData, match="would be 50% of the estimate to each side, expected at most 10%"
    ) as refusal:
        expected = Expected(0.1, 0.1, 0.1, 0.3)
        check_width(138.3, expected, 0.95, 1000, Limits(max_relative_width=0.1))
    assert refusal.value.rows_needed == pytest.approx(25_000, rel=1e-3)


def test_a_lift_of_ten_percent_by_replay_takes_millions_of_rows():
    """34 items at a click rate of 0.46% (the Open Bandit log), two-sided 5% and 80% power: (1.96 +
    0.84) standard errors of the difference must be 0.00046, so 2 x 2.8016^2 x 0.9954 / (0.01 x
    0.0046) = 340,000 matches each, and 34 times as many rows.
    """
    rate, n = 0.0046, 10_000
    half = (1.95996 + 0.84162) * np.sqrt(2 * rate * (1 - rate) / (n / 34))
    assert rows_for_width(half, 0.1 * rate, n) == pytest.approx(11.55e6, rel=0.01)
