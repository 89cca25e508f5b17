"""Screening: bounds hold, and what is left out cannot reach the top k beyond the stated error."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta as beta_distribution

from bandits.arms import Need, posterior
from bandits.policies.registry import POLICIES, make_policy
from bandits.slates.screening import (
    BOUNDS,
    ERROR_PER_DRAW,
    beta_bounds,
    beta_tail_bounds,
    per_side,
    place_in_category,
    survivors,
    survivors_by_category,
)
from tests.bandits.slate_world import make_arms, make_counts

SHAPE = st.floats(1e-3, 1e6)


@given(SHAPE, SHAPE, st.floats(1e-14, 0.5))
def test_beta_leaves_its_bounds_with_at_most_delta_on_each_side(
    alpha: float, beta: float, delta: float
):
    bounds = beta_tail_bounds(np.array([alpha]), np.array([beta]), delta)
    law = beta_distribution(alpha, beta)
    room = 1e-9 * delta + 1e-300
    if bounds.low[0] > 0:
        assert law.cdf(np.nextafter(bounds.low[0], 0)) <= delta * (1 + 1e-6) + room
    if bounds.high[0] < 1:
        assert law.sf(np.nextafter(bounds.high[0], 1)) <= delta * (1 + 1e-6) + room


def test_bounds_on_paper():
    """alpha 10, beta 90, delta e^-2: c = 0.02; high 0.1 + 0.02 + sqrt(0.0004 + 0.004) = 0.18633;
    low 0.1 - sqrt(0.004).
    """
    bounds = beta_tail_bounds(np.array([10.0]), np.array([90.0]), float(np.exp(-2)))
    np.testing.assert_allclose(bounds.high, 0.1 + 0.02 + np.sqrt(0.0044))
    np.testing.assert_allclose(bounds.low, 0.1 - np.sqrt(0.004))


@pytest.mark.parametrize("delta", [0.0, 1.0, -1.0])
def test_a_delta_that_is_no_probability_is_refused(delta: float):
    with pytest.raises(ValueError, match="delta"):
        beta_tail_bounds(np.array([1.0]), np.array([1.0]), delta)


@pytest.mark.parametrize("looks", [3.0, 100.0, 3000.0])
@pytest.mark.parametrize("k", [1, 10])
def test_the_stated_error_covers_every_item_left_out(looks: float, k: int):
    """P(differs) <= P(one of the k best lows is undercut) + P(one left out exceeds the floor), by
    SciPy's tails.
    """
    arms = make_arms(counts=make_counts(1000, looks=looks))
    low, high = beta_bounds(arms, per_side(1000, k))
    keep = survivors(low, high, k)
    floor = np.sort(low)[-k]
    alpha, beta = posterior(arms)
    holders = np.argsort(-low)[:k]
    error = beta_distribution.cdf(floor, alpha[holders], beta[holders]).sum()
    error += beta_distribution.sf(floor, alpha[~keep], beta[~keep]).sum()
    assert error <= ERROR_PER_DRAW / 2
    if looks >= 3000:
        assert keep.sum() < 300  # it does leave something out


def test_no_draw_of_many_brings_a_screened_item_into_the_top_k():
    arms = make_arms(counts=make_counts(400, looks=1000))
    low, high = beta_bounds(arms, per_side(400, 10))
    keep = survivors(low, high, 10)
    alpha, beta = posterior(arms)
    draws = np.random.default_rng(0).beta(alpha, beta, (5000, 400))
    tops = np.argpartition(draws, 390, axis=1)[:, 390:]
    assert keep[tops].all()
    assert keep.sum() < 400


def test_bounds_stand_for_every_option_of_their_policy_and_only_for_independent_draws():
    for name, bounds in BOUNDS.items():
        options = set(inspect.signature(POLICIES[name]).parameters)
        assert options <= set(inspect.signature(bounds).parameters)
        assert make_policy(name).needs is Need.INDEPENDENT_DRAW


def test_sharpness_narrows_the_bounds_as_it_narrows_the_draws():
    arms = make_arms()
    wide, narrow = beta_bounds(arms, 1e-6), beta_bounds(arms, 1e-6, sharpness=4.0)
    assert (narrow.high < wide.high).all()
    draws = make_policy("thompson", sharpness=4.0).draws(arms, np.random.default_rng(0), 2000)
    assert (draws <= narrow.high).all()
    assert (draws >= narrow.low).all()


def test_survivors_of_equal_items_are_all():
    assert survivors(np.full(5, 0.1), np.full(5, 0.3), 2).all()
    assert survivors(np.zeros(3), np.ones(3), 7).all()


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 6))
def test_screening_by_category_keeps_every_greedy_choice_under_the_cap(
    seed: int, most: int, k: int
):
    rng = np.random.default_rng(seed)
    n = 25
    low = rng.random(n)
    high = low + 0.3 * rng.random(n)
    category = rng.integers(-1, 4, n).astype(np.int32)
    keep = survivors_by_category(low, high, k, category, most)
    score = rng.uniform(low, high)
    used: dict[int, int] = {}
    chosen = 0
    for item in np.argsort(-score):
        c = int(category[item])
        if chosen < k and (c < 0 or used.get(c, 0) < most):
            used[c] = used.get(c, 0) + 1
            chosen += 1
            assert keep[item]


def test_place_in_category_counts_earlier_ones():
    assert place_in_category(np.array([2, 1, 2, 2, 1], dtype=np.int32)).tolist() == [0, 0, 1, 2, 1]
    assert place_in_category(np.zeros(0, dtype=np.int32)).size == 0
