"""Change is found where it happened, and nothing is forgotten where nothing changed."""

import numpy as np
import pytest

from bandits.learning.change_detection import change_odds, mix
from bandits.learning.pooling import Anchor, Priors, pool

ANCHOR = Anchor(np.full(40, 0.1), np.full(40, 4.0))


def odds_of(before, after, seed, old=2000, new=300):
    """Two memories: the last `new` looks an arm, and all; rates (n_segments, n_items) before and
    after.
    """
    rng = np.random.default_rng(seed)
    n_old, n_new = np.full(before.shape, float(old)), np.full(before.shape, float(new))
    s_old, s_new = rng.binomial(old, before).astype(float), rng.binomial(new, after).astype(float)
    recent = pool(n_new, s_new, ANCHOR, 16.0)
    nothing = np.zeros(before.shape)
    rests = [pool(nothing, nothing, ANCHOR, 16.0), pool(n_old, s_old, ANCHOR, 16.0)]
    return change_odds(recent, rests)


def rates(seed):
    rng = np.random.default_rng(seed)
    items = rng.beta(4, 36, 40)
    return np.clip(items * rng.uniform(0.8, 1.2, (3, 1)), 0.005, 0.6)


def test_without_change_the_whole_log_holds():
    same = rates(1)
    assert odds_of(same, same, 2)[-1].min() > 0.95


def test_changed_items_are_found_and_the_others_kept():
    before = rates(3)
    after = before.copy()
    after[:, :8] = np.minimum(before[:, :8] * 3, 0.9)
    odds = odds_of(before, after, 4)
    assert odds[0, :8].min() > 0.9
    assert np.median(odds[-1, 8:]) > 0.8


def test_many_changes_make_old_counts_of_unseen_items_doubtful_and_few_do_not():
    doubt = []
    for n_changed in (1, 15):
        before = rates(5)
        after = before.copy()
        after[:, :n_changed] = np.minimum(before[:, :n_changed] * 4, 0.9)
        rng = np.random.default_rng(6)
        # only half of the items are shown lately
        n_new = np.where(np.arange(40) < 20, 300.0, 0.0) * np.ones((3, 1))
        s_new = rng.binomial(n_new.astype(int), after).astype(float)
        nothing = np.zeros((3, 40))
        old = pool(np.full((3, 40), 2000.0), rng.binomial(2000, before).astype(float), ANCHOR, 16.0)
        doubt.append(
            change_odds(
                pool(n_new, s_new, ANCHOR, 16.0), [pool(nothing, nothing, ANCHOR, 16.0), old]
            )[0, 20:].max()
        )
    assert doubt[0] < 0.1
    assert doubt[1] > 0.25


def test_a_mix_of_segments_that_changes_is_no_change():
    """An item is liked by one segment only; lately it is shown there alone. Its pooled rate
    doubles, its rates do not.
    """
    rng = np.random.default_rng(7)
    theta = np.vstack([np.full(40, 0.05), np.full(40, 0.15)])
    old, new = np.full((2, 40), 3000.0), np.vstack([np.full(40, 10.0), np.full(40, 500.0)])
    s_old, s_new = (rng.binomial(n.astype(int), theta).astype(float) for n in (old, new))
    nothing = np.zeros((2, 40))
    odds = change_odds(
        pool(new, s_new, ANCHOR, 16.0),
        [pool(nothing, nothing, ANCHOR, 16.0), pool(old, s_old, ANCHOR, 16.0)],
    )
    assert odds[-1].min() > 0.9


def test_the_mixture_has_the_mean_and_variance_of_its_parts():
    """Beta(2, 8) and Beta(30, 30), half each: mean 0.35; variance from the parts'
    second moments.
    """
    priors = [Priors(np.array([0.2]), np.array([10.0])), Priors(np.array([0.5]), np.array([60.0]))]
    none = np.zeros(1)
    alpha, beta = mix(priors, [none, none], [none, none], np.array([[0.5], [0.5]]))
    second = 0.5 * (0.2 * 0.8 / 11 + 0.04) + 0.5 * (0.25 / 61 + 0.25)
    mean, worth = alpha / (alpha + beta), alpha + beta
    assert mean[0] == pytest.approx(0.35)
    assert (mean * (1 - mean) / (worth + 1))[0] == pytest.approx(second - 0.35**2)


def test_one_memory_mixed_with_certainty_is_its_own_posterior():
    alpha, beta = mix(
        [Priors(np.array([0.2]), np.array([10.0]))],
        [np.array([20.0])],
        [np.array([5.0])],
        np.ones((1, 1)),
    )
    assert (alpha[0], beta[0]) == pytest.approx((7.0, 23.0))
