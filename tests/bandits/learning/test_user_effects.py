"""Effects of users' histories: by hand, against brute force, and none where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.learning.user_effects import (
    MOST,
    NO_EFFECTS,
    UserEffects,
    UserRows,
    _fit,
    learn_effects,
)

K = 10  # items of a slate


def rows_of(
    rng: np.random.Generator, n_slates: int, b: tuple[float, float, float], rate: float = 0.05
) -> UserRows:
    n = n_slates * K
    f = rng.normal(size=(n, 3))
    base = np.clip(rng.gamma(2, rate / 2, n), 1e-4, 0.5)
    odds = base / (1 - base) * np.exp(f @ b)
    clicked = rng.random(n) < odds / (1 + odds)
    return UserRows(f, base, clicked, np.arange(n) // K)


def test_two_items_by_hand():
    """Slates of two, one with f = 1 and one with f = 0, both clicked in half of their slates by
    rate; with f it is 80 of 100. Centred, f is 0.5 and -0.5, so with the intercept each cell is
    fitted exactly: b = logit 0.8 - logit 0.5 = log 4.
    """
    f = np.tile([1.0, 0.0], 100)[:, None] - 0.5
    clicked = np.zeros(200)
    clicked[0:160:2] = 1.0
    clicked[1:100:2] = 1.0
    b, error = _fit(f, np.zeros(200), clicked, np.repeat(np.arange(100), 2))
    # the prior N(0, 1) takes some of it: the slope at b is b itself
    assert 1.2 < b[0] < np.log(4)
    assert 0.2 < error[0] < 0.4


def test_effects_that_are_there_are_found():
    rng = np.random.default_rng(1)
    found = learn_effects(rows_of(rng, 10_000, (0.4, -0.3, -0.5)))
    np.testing.assert_allclose(found.weights, (0.4, -0.3, -0.5), atol=0.06)
    assert found.slates == 10_000


def test_what_says_nothing_costs_nothing():
    """200 logs of features that are noise: in nine of ten nothing is learned at all, and what is
    learned is within a tenth of a log-odds.
    """
    rng = np.random.default_rng(2)
    found = np.array([learn_effects(rows_of(rng, 300, (0, 0, 0))).weights for _ in range(200)])
    assert (found == 0).all(axis=1).mean() > 0.9
    assert np.abs(found).max() < 0.2


def test_an_effect_the_other_way_round_is_out():
    """Relevant items that are clicked less, and repeats that are clicked more."""
    found = learn_effects(rows_of(np.random.default_rng(3), 5000, (-0.5, 0.5, -0.5)))
    assert found.weights[0] == found.weights[1] == 0
    assert found.weights[2] < -0.4
    assert found.evidence[0] < -4


def test_busy_users_with_long_histories_teach_nothing():
    """The features of a busy user's slate are all large and all clicked more: inside a slate there
    is no difference.
    """
    rng = np.random.default_rng(4)
    busy = np.repeat(rng.random(2000) < 0.5, K)
    f = np.column_stack([busy * 1.0, busy * 2.0, busy * 3.0]) + rng.normal(0, 0.1, (20_000, 3))
    clicked = rng.random(20_000) < np.where(busy, 0.1, 0.02)
    rows = UserRows(f, np.full(20_000, 0.05), clicked, np.arange(20_000) // K)
    assert np.abs(learn_effects(rows).weights).max() < 0.6
    centred = UserRows(np.column_stack([busy, busy, busy]) * 1.0, *rows[1:])
    assert not learn_effects(centred).some


def test_items_rates_are_not_learned_twice():
    """Relevance is nothing but a high rate, which the offset knows."""
    rng = np.random.default_rng(5)
    rate = np.where(rng.random(50_000) < 0.5, 0.02, 0.1)
    f = np.zeros((50_000, 3))
    f[:, 0] = rate > 0.05
    rows = UserRows(f, rate, rng.random(50_000) < rate, np.arange(50_000) // K)
    assert abs(learn_effects(rows).weights[0]) < 0.05


def test_a_few_clicks_say_nothing():
    rows = rows_of(np.random.default_rng(6), 20, (2.0, 0, 0))
    assert rows.clicked.sum() < 50
    assert not learn_effects(rows).some


def test_log_odds_are_bounded():
    effects = UserEffects(np.array([3.0, -1.0, -5.0]), np.zeros(3))
    f = np.array([[1.0, 0.5, 0.0], [5.0, 0.0, 0.0], [0.0, 0.0, 9.0]])
    assert effects.log_odds(f) == pytest.approx([2.5, MOST, -MOST])
    assert not NO_EFFECTS.some
