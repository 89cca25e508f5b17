"""Objectives on paper, and the suite over the registry."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.arms import posterior
from bandits.slates.objectives import (
    BORROWED_CLICKS,
    OBJECTIVES,
    Facts,
    Scale,
    calibrate,
    click_scale,
)
from tests.bandits.slate_world import make_arms, make_catalogue, make_counts

WEEK = 604_800.0


def make_facts(n_items: int = 30, **more):
    counts, catalogue = more.get("counts", make_counts(n_items)), make_catalogue(n_items)
    first_seen_s = more.get("first_seen_s", catalogue.first_seen_s)
    vectors = more.get("vectors", catalogue.vectors)
    return Facts(
        counts, make_arms(counts=counts), first_seen_s, vectors, more.get("user"), 0.0, WEEK
    )


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_gives_one_number_per_item_and_leaves_its_inputs_alone(name: str):
    user = make_catalogue().vectors[3]
    found = make_facts(user=user)
    before = [
        np.copy(x)
        for x in (found.arms.clicks, found.first_seen_s, found.vectors, found.counts.value)
    ]
    score = OBJECTIVES[name](found)
    assert score.shape == (30,)
    assert np.isfinite(score).all()
    np.testing.assert_array_equal(score, OBJECTIVES[name](found))
    for old, new in zip(
        before,
        (found.arms.clicks, found.first_seen_s, found.vectors, found.counts.value),
        strict=True,
    ):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_answers_without_a_log_users_or_vectors(name: str):
    empty = make_facts(
        counts=make_counts(looks=0.0), vectors=None, first_seen_s=np.full(30, np.nan)
    )
    score = calibrate(OBJECTIVES[name](empty), Scale(0.05, 0.01))
    assert np.isfinite(score).all()


def test_conversions_per_look_on_paper():
    """v = 2 of s = 10 clicks; everywhere 30 of 100 for the item and for all: q = 0.3: m (2 + 10 *
    0.3) / 20 = 0.25 m.
    """
    counts = make_counts(1, 3)
    sums = {
        "clicks": [[10.0], [40.0], [50.0]],
        "conversions": [[14.0], [2.0], [14.0]],
        "impressions": [[500.0]] * 3,
    }
    counts = counts._replace(
        **{name: np.array(x) for name, x in sums.items()}, examined=np.full((3, 1), 500.0)
    )
    counts = counts._replace(clicks=np.array([[45.0], [10.0], [45.0]]))
    found = Facts(counts, make_arms(counts=counts), np.zeros(1), None, None, 0.0, WEEK)
    assert BORROWED_CLICKS == 10.0
    np.testing.assert_allclose(OBJECTIVES["conversion"](found), 0.25 * OBJECTIVES["click"](found))


def test_value_follows_the_money_where_clicks_are_equal():
    counts = make_counts(2)
    even = np.full((3, 2), 100.0)
    counts = counts._replace(
        impressions=even * 10, examined=even * 10, clicks=even, value=np.tile([50.0, 500.0], (3, 1))
    )
    value = OBJECTIVES["value"](
        make_facts(2, counts=counts, first_seen_s=np.zeros(2), vectors=None)
    )
    assert 8 < value[1] / value[0] < 10


def test_freshness_halves_every_half_life_and_the_future_is_fresh():
    found = make_facts(first_seen_s=np.r_[0.0, -WEEK, -2 * WEEK, 99.0, np.nan, np.zeros(25)])
    np.testing.assert_allclose(OBJECTIVES["freshness"](found)[:5], [1, 0.5, 0.25, 1, np.nan])


def test_relevance_is_the_cosine_and_unknown_without_a_vector():
    vectors = make_catalogue().vectors.copy()
    vectors[4] = 0
    score = OBJECTIVES["relevance"](make_facts(vectors=vectors, user=vectors[7]))
    np.testing.assert_allclose(score[7], 1.0, rtol=1e-6)
    assert np.isnan(score[4])
    assert np.isfinite(np.delete(score, 4)).all()
    assert np.isnan(OBJECTIVES["relevance"](make_facts())).all()


def test_calibration_gives_every_objective_the_mean_and_spread_of_clicks():
    x = np.random.default_rng(0).lognormal(3, 1, 500)
    got = calibrate(x, Scale(0.1, 0.02))
    np.testing.assert_allclose([got.mean(), got.std()], [0.1, 0.02])
    np.testing.assert_array_equal(np.argsort(got), np.argsort(x))


def test_an_objective_that_says_nothing_moves_nothing():
    np.testing.assert_array_equal(calibrate(np.full(4, 7.0), Scale(0.1, 0.02)), np.full(4, 0.1))
    np.testing.assert_array_equal(calibrate(np.full(4, np.nan), Scale(0.1, 0.02)), np.full(4, 0.1))
    np.testing.assert_allclose(
        calibrate(np.array([1.0, 3.0, np.nan]), Scale(0.1, 0.02)), [0.08, 0.12, 0.1]
    )


def test_calibration_ignores_items_that_are_not_shown():
    shown = np.array([True, True, False])
    np.testing.assert_allclose(
        calibrate(np.array([1.0, 3.0, 99.0]), Scale(0.1, 0.02), shown)[:2], [0.08, 0.12]
    )


def test_the_click_scale_is_that_of_a_thompson_draw_of_a_random_item():
    arms = make_arms()
    scale = click_scale(arms, np.ones(30, dtype=np.bool_))
    rng = np.random.default_rng(0)
    alpha, beta = posterior(arms)
    items = rng.integers(0, 30, 400_000)
    draws = rng.beta(alpha[items], beta[items])
    np.testing.assert_allclose([draws.mean(), draws.std()], [scale.mean, scale.spread], rtol=0.01)
    assert click_scale(arms, np.zeros(30, dtype=np.bool_)) == Scale(0.0, 0.0)
