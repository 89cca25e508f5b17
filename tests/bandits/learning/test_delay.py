"""Delays are learned although slow clicks are missing among the young, and fresh looks are no
failures.
"""

import numpy as np
import pytest

from bandits.learning.delay import learn_delays, log_edges, pending_examinations, share_arrived

EDGES = log_edges(1, 3600)


def test_slow_clicks_that_are_still_missing_are_made_up_for():
    """Exponential delays of mean 100 s, impressions up to 600 s old: F(100 s) = 0.632, while 0.74
    of those seen are that fast.
    """
    rng = np.random.default_rng(0)
    delay, age = rng.exponential(100, 40_000), rng.uniform(0, 600, 40_000)
    seen = delay <= age
    learned = learn_delays(delay[seen], age[seen], EDGES, prior_mean_s=100, prior_clicks=1)
    at = np.array([20.0, 100.0, 300.0])
    assert share_arrived(learned, at) == pytest.approx(1 - np.exp(-at / 100), abs=0.03)
    assert (delay[seen] <= 100).mean() > 0.70


def test_the_prior_stands_until_clicks_come():
    learned = learn_delays(np.zeros(0), np.zeros(0), EDGES, prior_mean_s=200)
    at = np.array([10.0, 200.0, 1000.0])
    assert share_arrived(learned, at) == pytest.approx(1 - np.exp(-at / 200), abs=0.02)


@pytest.mark.parametrize("mean_s", [1.0, 20.0])
def test_delays_above_the_highest_age_follow_from_those_below(mean_s: float):
    """A service of 40 s: mean 1 s leaves next to nothing above 5 s, mean 20 s leaves 13% above 40 s
    that nobody can have seen yet.
    """
    rng = np.random.default_rng(3)
    delay, age = rng.exponential(mean_s, 20_000), rng.uniform(0, 40, 20_000)
    seen = delay <= age
    learned = learn_delays(delay[seen], age[seen], EDGES, prior_mean_s=200)
    at = np.array([5.0, 20.0, 60.0])
    assert share_arrived(learned, at) == pytest.approx(1 - np.exp(-at / mean_s), abs=0.06)


def test_a_fixed_delay_is_found_at_once():
    """50 clicks after 1,000 s each: hardly any before, nearly all by the next edge."""
    learned = learn_delays(
        np.full(50, 1000.0), np.full(50, 3600.0), EDGES, prior_mean_s=60, prior_clicks=1
    )
    assert share_arrived(learned, np.array([700.0, 1300.0])) == pytest.approx([0.02, 1.0], abs=0.03)


def test_a_share_never_falls_with_age_and_ends_at_one():
    rng = np.random.default_rng(1)
    delay = rng.gamma(2, 50, 500)
    learned = learn_delays(delay, delay + rng.uniform(0, 500, 500), EDGES, prior_mean_s=60)
    assert (np.diff(learned.cdf) >= 0).all()
    assert share_arrived(learned, np.array([0.0, 1e9])).tolist() == [0.0, 1.0]


def test_looks_that_count_as_trials_give_the_true_rate_and_all_looks_do_not():
    """Rate 0.2, mean delay 300 s, impressions of the last 600 s: clicks / sum F(age) is the rate;
    clicks / looks is far below.
    """
    rng = np.random.default_rng(2)
    n = 50_000
    age, delay = rng.uniform(0, 600, n), rng.exponential(300, n)
    clicked = (rng.random(n) < 0.2) & (delay <= age)
    old_delay = rng.exponential(300, 5000)
    learned = learn_delays(old_delay, old_delay + 7200, log_edges(1, 7200), prior_mean_s=60)
    cells = rng.integers(0, 2, n)
    waiting = pending_examinations(learned, age, np.ones(n), cells, (1, 2))
    looks = np.bincount(cells, minlength=2)
    clicks = np.bincount(cells, weights=clicked, minlength=2)
    assert clicks / (looks - waiting[0]) == pytest.approx([0.2, 0.2], rel=0.05)
    assert (clicks / looks).max() < 0.13


def test_weights_of_places_carry_over_to_pending_examinations():
    learned = learn_delays(
        np.full(100, 100.0), np.full(100, 5000.0), EDGES, prior_mean_s=60, prior_clicks=0.01
    )
    waiting = pending_examinations(
        learned,
        np.array([1.0, 1.0, 3000.0]),
        np.array([1.0, 0.5, 1.0]),
        np.array([0, 3, 3]),
        (2, 2),
    )
    assert waiting == pytest.approx(np.array([[1.0, 0.0], [0.0, 0.5]]), abs=0.01)


def test_a_click_before_its_impression_is_refused():
    with pytest.raises(ValueError, match="0 <= delay <= age"):
        learn_delays(np.array([5.0]), np.array([4.0]), EDGES, prior_mean_s=60)
    with pytest.raises(ValueError, match="above 0"):
        learn_delays(np.zeros(0), np.zeros(0), EDGES, prior_mean_s=0)
    with pytest.raises(ValueError, match="shortest_s < longest_s"):
        log_edges(10, 1)
