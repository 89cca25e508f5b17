"""Pooling on numbers that fit on paper, and by brute force."""

import numpy as np
import pytest

from bandits.learning.pooling import FACTOR_CLICKS, Anchor, item_rates, pool, prior_of, priors_of


def world(seed=0, n_segments=4, n_items=6):
    rng = np.random.default_rng(seed)
    looks = rng.integers(0, 500, (n_segments, n_items)).astype(float)
    return looks, np.floor(looks * rng.random((n_segments, n_items)) * 0.3)


def anchor(n_items, rate=0.1, clicks=5.0):
    return Anchor(np.full(n_items, rate), np.full(n_items, clicks))


def test_without_counts_every_arm_starts_from_the_anchor():
    """Anchor 0.1 worth 5 clicks = 50 looks, c_seg = 10 clicks = 100 looks: strength 1 / (1/100 +
    1/50) = 33.3 looks.
    """
    prior = priors_of(pool(np.zeros((3, 2)), np.zeros((3, 2)), anchor(2), 10.0))
    assert prior.mean == pytest.approx(np.full((3, 2), 0.1))
    assert prior.strength == pytest.approx(np.full((3, 2), 100 / 3))


def test_a_segments_own_clicks_are_not_in_its_prior():
    """500 more clicks of segment 1 on item 2, made up for on item 3, leave what the others say of
    item 2 as it was.
    """
    looks, hits = np.full((3, 4), 1000.0), np.full((3, 4), 300.0)
    more = hits.copy()
    more[1, 2] += 250
    more[1, 3] -= 250
    a, b = (prior_of(pool(looks, s, anchor(4), 1e9), 1) for s in (hits, more))
    assert b.mean[2] == pytest.approx(a.mean[2], rel=1e-3)


def test_a_busy_segment_tells_another_no_more_than_its_own_spread():
    """One segment with a million looks: it is worth k = c / m looks at most, never a million."""
    looks, hits = np.array([[1e6], [0.0]]), np.array([[1e5], [0.0]])
    prior = prior_of(pool(looks, hits, anchor(1, rate=0.1), 10.0), 1)
    assert prior.mean[0] == pytest.approx(0.1, rel=0.01)
    # 1 / k + 1 / (k + 50) with k = 100 looks: 60 looks
    assert prior.strength[0] == pytest.approx(60.0, rel=0.02)


def test_the_pool_equals_the_formula_by_brute_force():
    looks, hits = world(3)
    pooled = pool(looks, hits, anchor(6), 8.0)
    for s in range(4):
        prior = prior_of(pooled, s)
        for i in range(6):
            k = pooled.between[i]
            weight = rate = 0.0
            for other in range(4):
                if other != s:
                    n = max(looks[other, i] * pooled.factor[other, 0], hits[other, i])
                    w = n * k / (n + k)
                    weight += w
                    rate += w * hits[other, i] / max(n, 1e-300)
            mean = (rate + 50 * 0.1) / (weight + 50)
            assert prior.mean[i] == pytest.approx(mean * pooled.factor[s, 0])
            assert prior.strength[i] == pytest.approx(
                1 / (1 / k + 1 / (weight + 50)) / pooled.factor[s, 0]
            )


def test_one_segment_equals_its_row_of_all():
    looks, hits = world(4)
    pooled = pool(looks, hits, anchor(6), 8.0)
    both = priors_of(pooled)
    for s in range(4):
        assert prior_of(pooled, s).mean == pytest.approx(both.mean[s])
        assert prior_of(pooled, s).strength == pytest.approx(both.strength[s])


def test_strength_counts_clicks_so_that_rates_a_tenth_as_high_borrow_ten_times_the_looks():
    looks, hits = world(5)
    rich = priors_of(pool(looks, hits, anchor(6), 10.0))
    poor = priors_of(pool(looks * 10, hits, anchor(6, rate=0.01), 10.0))
    assert poor.mean == pytest.approx(rich.mean / 10)
    assert poor.strength == pytest.approx(rich.strength * 10)


def test_a_segment_that_clicks_more_expects_more_of_an_item_it_has_not_seen():
    """Segment 1 clicks twice as much on all items but the last, which it has not seen."""
    looks = np.full((2, 11), 1000.0)
    hits = np.vstack([np.full(11, 100.0), np.full(11, 200.0)])
    looks[1, 10] = hits[1, 10] = 0
    prior = prior_of(pool(looks, hits, anchor(11), 50.0), 1)
    assert prior.mean[10] == pytest.approx(0.2, rel=0.1)
    assert FACTOR_CLICKS < 100


@pytest.mark.parametrize("segment_clicks", [0.0, np.inf])
def test_the_ends_keep_segments_apart_or_make_them_one(segment_clicks):
    looks, hits = np.full((5, 1), 1e4), np.full((5, 1), 1e3)
    prior = priors_of(pool(looks, hits, anchor(1), segment_clicks))
    assert np.isfinite(prior.mean).all()
    assert prior.strength[0, 0] < 0.1 if segment_clicks == 0 else prior.strength[0, 0] > 3e4


def test_item_rates_are_the_bounded_sums():
    pooled = pool(*world(6), anchor(6), 8.0)
    n, s = item_rates(pooled)
    assert n == pytest.approx(pooled.weight.sum(axis=0))
    assert (s <= n + 1e-9).all()
