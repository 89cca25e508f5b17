"""Limits as a policy file asks for them."""

from __future__ import annotations

import numpy as np

from bandits.slates.config import DEFAULT
from bandits.slates.config_file import parse_config
from bandits.slates.constraints import GRACE, limits
from tests.bandits.slate_world import make_arms, make_catalogue, make_counts

CATEGORY = make_catalogue().group


def limits_of(text: str, impressions: np.ndarray | None = None):
    shown = make_counts().impressions[1] if impressions is None else impressions
    return limits(parse_config(text), make_arms(), shown, CATEGORY)


def test_a_file_without_limits_has_none():
    assert limits(DEFAULT, make_arms(), make_counts().impressions[1], CATEGORY) is None


def test_an_item_above_its_share_is_allowed_no_slot():
    """Total 1,000, cap 10%: more than 100 + 10 of grace is too many."""
    impressions = np.r_[110.0, 111.0, np.full(28, 779 / 28)]
    found = limits_of("[exposure]\nmax_share = 0.1", impressions)
    assert GRACE == 10.0
    assert np.flatnonzero(found.member[0]).tolist() == [1]
    assert found.most == (0,)


def test_the_first_impression_of_all_is_no_breach():
    assert not limits_of("[exposure]\nmax_share = 0.1", np.r_[1.0, np.zeros(29)]).member.any()


def test_items_below_their_share_are_owed_slots():
    impressions = np.r_[9.0, 11.0, np.full(28, 980 / 28)]
    found = limits_of("[exposure]\nmin_share = 0.01\nmin_share_slots = 2", impressions)
    assert np.flatnonzero(found.member[0]).tolist() == [0]
    assert found.least == (2,)


def test_unproven_is_counted_in_expected_clicks_over_all_segments():
    found = limits_of("[exploration]\nmax_slots = 1\nproven_clicks = 50")
    arms = make_arms()
    np.testing.assert_array_equal(found.member[0], arms.pooled_impressions * arms.prior_mean < 50)
    assert 0 < found.member[0].sum() < 30
    assert (found.least, found.most) == ((0,), (1,))


def test_limits_of_some_items_are_those_items_columns():
    found = limits_of("[exposure]\nmax_per_category = 2\nmin_share = 0.03")
    some = np.array([7, 3])
    part = found.of(some)
    np.testing.assert_array_equal(part.category, CATEGORY[some])
    np.testing.assert_array_equal(part.member, found.member[:, some])
