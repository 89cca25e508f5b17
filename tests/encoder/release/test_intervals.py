"""Bootstrap intervals, against the normal distribution and on values that can be counted."""

from __future__ import annotations

import numpy as np
import pytest

from encoder.release.intervals import mean_interval


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_interval_is_about_two_standard_errors_to_each_side() -> None:
    """400 values with mean 3 and standard deviation 2: 3 +- 1.96 x 0.1."""
    values = np.random.default_rng(0).normal(size=400)
    values = 3 + 2 * (values - values.mean()) / values.std()
    found = mean_interval(values, rng())
    assert found.mean == pytest.approx(3)
    assert found.low == pytest.approx(3 - 0.196, abs=0.03)
    assert found.high == pytest.approx(3 + 0.196, abs=0.03)


def test_users_without_a_value_are_left_out() -> None:
    values = np.array([1.0, np.nan, 1.0])
    assert mean_interval(values, rng()) == (1.0, 1.0, 1.0)


def test_same_seed_same_interval() -> None:
    values = np.arange(50.0)
    assert mean_interval(values, rng()) == mean_interval(values, rng())


def test_nobody_with_a_value_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one user"):
        mean_interval(np.array([np.nan]), rng())
