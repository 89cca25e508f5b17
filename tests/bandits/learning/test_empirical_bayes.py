"""Strengths learned from counts find the spread that the counts were drawn with."""

import numpy as np
import pytest
from scipy import optimize, special, stats

from bandits.learning.empirical_bayes import MIDDLE, _fit, learn_items, learn_segment_clicks
from bandits.learning.pooling import Anchor


def segments(c, seed, looks=2000.0, rate=0.1, n_segments=8, n_items=200):
    """Rates of segments around one rate per item, c clicks' worth of spread: Beta(c, c (1 - m) /
    m).
    """
    rng = np.random.default_rng(seed)
    items = rng.beta(6, 6 * (1 - rate) / rate, n_items)
    k = c / items
    theta = rng.beta(items * k, (1 - items) * k, (n_segments, n_items))
    n = np.full((n_segments, n_items), looks)
    return n, rng.binomial(n.astype(int), theta).astype(float)


@pytest.mark.parametrize("c", [4.0, 16.0, 64.0])
def test_the_spread_of_segments_is_found_within_a_third(c):
    n, s = segments(c, 1)
    anchor = Anchor(np.full(200, 0.1), np.full(200, 6.0))
    assert np.log(learn_segment_clicks(n, s, anchor) / c) == pytest.approx(
        0, abs=np.log(4 / 3) + 0.1
    )


def test_the_spread_does_not_depend_on_the_click_rate():
    found = []
    for rate, looks in ((0.1, 2000.0), (0.01, 20_000.0)):
        n, s = segments(16.0, 2, looks, rate)
        found.append(learn_segment_clicks(n, s, Anchor(np.full(200, rate), np.full(200, 6.0))))
    assert np.log(found[0] / found[1]) == pytest.approx(0, abs=0.3)


def test_rate_and_spread_of_items_are_found_although_a_policy_showed_the_best():
    """Items of mean rate 0.1 and spread worth 4 clicks; the best ten percent got 1,000 times the
    looks of the others.
    """
    rng = np.random.default_rng(3)
    theta = rng.beta(4, 36, 2000)
    n = np.where(theta > np.quantile(theta, 0.9), 50_000.0, 50.0)
    s = rng.binomial(n.astype(int), theta).astype(float)
    naive = s.sum() / n.sum()
    rate, clicks = learn_items(n, s, naive)
    assert naive > 0.18
    assert rate == pytest.approx(0.1, rel=0.15)
    assert 2.0 < clicks < 8.0


@pytest.mark.parametrize("c", [0.15, 0.5, 2.0])
def test_a_long_tail_is_found_below_one_click_although_looks_went_to_the_winners(c):
    """Clicks of mean rate 0.02; who gets looks is decided by the first 20 of them, as a policy
    does: 1,000 more where a click came.
    """
    rng = np.random.default_rng(4)
    theta = rng.beta(c, c * 0.98 / 0.02, 4000)
    first = rng.binomial(20, theta)
    n = np.where(first > 0, 1020.0, 20.0)
    s = first + np.where(first > 0, rng.binomial(1000, theta), 0.0)
    rate, clicks = learn_items(n, s, s.sum() / n.sum())
    assert s.sum() / n.sum() > 0.025
    assert rate == pytest.approx(0.02, rel=0.1)
    assert np.log(clicks / c) == pytest.approx(0, abs=np.log(1.5))


def test_a_sample_of_a_large_catalogue_does_not_prefer_the_busy():
    """30,000 items of mean rate 0.05: those clicked in their first 20 looks got 1,000 more, and the
    third that did is more than the sample holds.
    """
    rng = np.random.default_rng(5)
    theta = rng.beta(0.5, 9.5, 30_000)
    first = rng.binomial(20, theta)
    n = np.where(first > 0, 1020.0, 20.0)
    s = first + np.where(first > 0, rng.binomial(1000, theta), 0.0)
    assert (first > 0).sum() > 10_000
    assert learn_items(n, s, 0.1)[0] == pytest.approx(0.05, rel=0.05)


def test_a_set_strength_is_kept_and_the_rate_still_learned():
    rate, clicks = learn_items(np.full(500, 100.0), np.full(500, 30.0), 0.1, item_clicks=7.0)
    assert clicks == pytest.approx(7.0)
    assert rate == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize("c", [0.0625, 1.0, 256.0])
@pytest.mark.parametrize("start", [0.001, 0.02, 0.4])
def test_the_global_rate_is_where_scipy_finds_the_top(c, start):
    rng = np.random.default_rng(4)
    n = rng.integers(1, 400, 300).astype(float)
    s = rng.binomial(n.astype(int), rng.beta(0.5, 20, 300)).astype(float)

    def minus(log_g):
        g = np.exp(log_g)
        fit = stats.betabinom.logpmf(s, n, c, c * (1 - g) / g) - np.log(special.binom(n, s))
        return -(fit.sum() + log_g + (1 / start - 1) * np.log1p(-g))

    top = optimize.minimize_scalar(minus, bounds=(-9, -0.3), method="bounded")
    rate, clicks = learn_items(n, s, start, item_clicks=c)
    assert clicks == pytest.approx(c)
    assert rate == pytest.approx(np.exp(top.x), rel=1e-3)


def test_without_evidence_the_guess_stands():
    assert learn_segment_clicks(
        np.zeros((3, 4)), np.zeros((3, 4)), Anchor(np.full(4, 0.1), np.full(4, 5.0))
    ) == pytest.approx(MIDDLE, rel=0.1)
    assert (
        learn_segment_clicks(
            np.ones((1, 4)), np.zeros((1, 4)), Anchor(np.full(4, 0.1), np.full(4, 5.0))
        )
        == MIDDLE
    )


def test_the_fit_is_scipys_beta_binomial_but_for_the_coefficient():
    n, s = np.array([10.0, 20.0]), np.array([1.0, 7.0])
    expected = stats.betabinom.logpmf(s, n, 2.0, 18.0).sum() - np.log([10.0, 77520.0]).sum()
    assert _fit(s, n, np.full(2, 0.1), np.full(2, 20.0)) == pytest.approx(expected)
