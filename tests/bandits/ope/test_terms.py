import numpy as np
import pytest

from bandits.ope.terms import (
    EstimatorError,
    Terms,
    influence,
    needed,
    per_slate,
    per_slate_and_position,
    value,
)


def test_value_is_a_sum_of_ratios():
    """(1 + 3) / (2 + 2) + (0 + 1) / (1 + 4) = 1.2."""
    terms = Terms(np.array([[1.0, 0.0], [3.0, 1.0]]), np.array([[2.0, 1.0], [2.0, 4.0]]))
    assert value(terms) == pytest.approx(1.2)


def test_value_without_any_weight_is_nan():
    assert np.isnan(value(Terms(np.zeros((3, 1)), np.zeros((3, 1)))))


def test_influence_of_a_mean_is_the_distance_from_it():
    """Values 1, 2, 6 with denominators 1: mean 3, influences -2, -1, 3."""
    np.testing.assert_allclose(
        influence(Terms(np.array([[1.0], [2.0], [6.0]]), np.ones((3, 1)))), [-2, -1, 3]
    )


def test_rows_are_summed_within_slates():
    np.testing.assert_array_equal(
        per_slate(np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1])), [[3.0], [4.0]]
    )
    table = per_slate_and_position(
        np.array([1.0, 2.0, 4.0]), np.array([0, 0, 1]), np.array([0, 1, 1])
    )
    np.testing.assert_array_equal(table, [[1.0, 2.0], [0.0, 4.0]])


def test_a_missing_field_is_named_with_its_remedy():
    with pytest.raises(
        EstimatorError, match="expected apples in the sample, found none; plant a tree"
    ):
        needed(None, "apples", "plant a tree")
