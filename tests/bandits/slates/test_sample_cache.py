"""Kept draws: each item once, the same law as fresh ones, and views of some items."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from bandits.policies.registry import make_policy
from bandits.slates import sample_cache as module
from bandits.slates.sample_cache import Kept, kept_draws, kept_rows, of_items
from bandits.slates.segment import ITEMWISE
from tests.bandits.slate_world import make_arms

THOMPSON = make_policy("thompson")


def test_an_item_keeps_its_draws_and_only_missing_ones_are_made():
    kept: Kept = {}
    rng = np.random.default_rng(0)
    first = kept_draws(kept, THOMPSON, make_arms(), np.array([4, 9]), 20, 50, rng)
    again = kept_draws(kept, THOMPSON, make_arms(), np.array([9, 2]), 50, 50, rng)
    np.testing.assert_array_equal(first[:, 1], again[:20, 0])
    assert np.flatnonzero(kept["thompson"].row >= 0).tolist() == [2, 4, 9]
    state = rng.bit_generator.state
    kept_draws(kept, THOMPSON, make_arms(), np.array([2, 4, 9]), 50, 50, rng)
    assert rng.bit_generator.state == state


def test_kept_draws_have_the_law_of_fresh_ones():
    some = np.array([3, 11])
    kept: Kept = {}
    kept_draws(kept, THOMPSON, make_arms(), some[:1], 4000, 4000, np.random.default_rng(1))
    got = kept_draws(kept, THOMPSON, make_arms(), some, 4000, 4000, np.random.default_rng(2))
    fresh = THOMPSON.draws(make_arms(), np.random.default_rng(3), 4000)[:, some]
    for item in range(2):
        assert ks_2samp(got[:, item], fresh[:, item]).pvalue > 1e-4
    assert abs(np.corrcoef(got.T)[0, 1]) < 5 / np.sqrt(4000)


def test_rows_stay_where_they_are_while_a_table_grows(monkeypatch: pytest.MonkeyPatch):
    """Items in random order, three at a time: each keeps the numbers it was given, and its
    extremes.
    """
    monkeypatch.setattr(module, "FIRST_ROWS", 2)
    kept: Kept = {}
    rng = np.random.default_rng(4)
    for items in rng.permutation(30).reshape(10, 3):
        kept_rows(kept, "t", 30, items, 5, lambda missing: missing[:, None] + np.arange(5.0))
    own, rows = kept_rows(kept, "t", 30, np.arange(30), 5, lambda missing: 1 / 0)
    np.testing.assert_array_equal(own.values[rows], np.arange(30)[:, None] + np.arange(5))
    np.testing.assert_array_equal(own.low[rows], np.arange(30))
    np.testing.assert_array_equal(own.high[rows], np.arange(30) + 4)


def test_a_full_table_begins_anew_and_more_than_fill_one_are_drawn_anew(
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(module, "MOST_KEPT", 100)
    kept: Kept = {}
    rng = np.random.default_rng(0)
    kept_draws(kept, THOMPSON, make_arms(), np.array([1]), 7, 50, rng)
    kept_draws(kept, THOMPSON, make_arms(), np.array([1, 2]), 7, 50, rng)
    kept_draws(kept, THOMPSON, make_arms(), np.array([2, 3]), 7, 50, rng)
    assert np.flatnonzero(kept["thompson"].row >= 0).tolist() == [2, 3]
    got = kept_draws(kept, THOMPSON, make_arms(), np.array([1, 2, 3]), 7, 50, rng)
    assert got.shape == (7, 3)
    assert np.flatnonzero(kept["thompson"].row >= 0).tolist() == [2, 3]


def test_some_items_keep_the_clock_of_the_segment():
    arms = make_arms()
    part = of_items(arms, np.array([4, 2]))
    assert part.total == arms.total
    np.testing.assert_array_equal(part.clicks, arms.clicks[[4, 2]])


def test_itemwise_policies_draw_for_some_items_what_they_draw_for_all():
    arms = make_arms()
    some = np.array([3, 11, 28])
    for name in ITEMWISE:
        policy = make_policy(name)
        whole = policy.draws(arms, np.random.default_rng(0), 4000)[:, some]
        part = policy.draws(of_items(arms, some), np.random.default_rng(1), 4000)
        for item in range(3):
            assert ks_2samp(whole[:, item], part[:, item]).pvalue > 1e-4, name
