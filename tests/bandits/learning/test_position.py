"""Examination weights come back from logs that were made with them."""

import numpy as np
import pytest

from bandits.learning.position import (
    TooFewClicks,
    estimate_examination,
    examination_of,
    logarithmic,
)


def log_of(shown, theta, weights, seed):
    return (
        np.random.default_rng(seed)
        .binomial(shown.astype(int), theta[:, None] * weights)
        .astype(float)
    )


def test_two_items_and_two_places_on_paper():
    """Place 1 has half the clicks of place 0 on both items: weight 0.5, relative error sqrt(1/300 +
    1/150) = 0.1.
    """
    shown = np.full((2, 2), 1000.0)
    found = estimate_examination(shown, np.array([[100.0, 50.0], [200.0, 100.0]]))
    assert found.weights == pytest.approx([1.0, 0.5])
    assert found.relative_error == pytest.approx([0.0, 0.1])


def test_weights_of_a_randomised_log_are_inside_their_errors():
    theta = np.random.default_rng(0).beta(2, 18, 50)
    weights = logarithmic(5)
    shown = np.full((50, 5), 4000.0)
    found = estimate_examination(shown, log_of(shown, theta, weights, 1))
    assert (abs(found.weights / weights - 1) < 3.5 * found.relative_error + 1e-12).all()


def test_better_items_standing_higher_are_taken_out():
    """Items shown by their rate, with some exchange: raw click rates of places fall far faster than
    examination does.
    """
    rng = np.random.default_rng(2)
    theta = np.sort(rng.beta(2, 18, 10))[::-1]
    weights = logarithmic(5)
    shown = np.maximum(
        20_000.0 * np.exp(-2 * abs(np.arange(10)[:, None] / 2 - np.arange(5))), 50.0
    ).round()
    clicks = log_of(shown, theta, weights, 3)
    raw = clicks.sum(axis=0) / shown.sum(axis=0)
    found = estimate_examination(shown, clicks).weights
    assert abs(found / weights - 1).max() < 0.15
    assert abs(raw / raw[0] / weights - 1).max() > 0.4


def test_a_place_with_few_clicks_is_refused():
    with pytest.raises(TooFewClicks, match="at least 10 clicks at every place, found 3 at place 1"):
        estimate_examination(np.full((1, 2), 100.0), np.array([[20.0, 3.0]]))


def test_more_clicks_than_impressions_are_refused():
    with pytest.raises(ValueError, match="0 <= clicks <= impressions"):
        estimate_examination(np.full((1, 2), 1.0), np.full((1, 2), 2.0))


def test_places_beyond_the_last_weight_get_the_last():
    assert examination_of(np.array([[0, 3]]), (1.0, 0.6)).tolist() == [[1.0, 0.6]]


@pytest.mark.parametrize("weights", [(), (0.0,), (1.2,)])
def test_weights_out_of_range_are_refused(weights):
    with pytest.raises(ValueError, match=r"in \(0, 1\]"):
        examination_of(np.array([0]), weights)
    with pytest.raises(ValueError, match="at least 0"):
        examination_of(np.array([-1]), (1.0,))
