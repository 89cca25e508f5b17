"""The suite over the registry of combiners, and the two simple ones on paper."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.policies.registry import POLICIES
from bandits.slates.combine import COMBINERS, NOT_A_RATE, competition_rank
from bandits.slates.signals import Signals

FIRST = np.array([[0.30, 0.10, 0.20, 0.00]])
SECOND = np.array([[0.10, 0.40, 0.20, 0.00]])


def signals(n_draws: int = 1, weights: tuple[float, float] = (0.5, 0.5)) -> Signals:
    rng = np.random.default_rng(1)
    noise = 0.01 * rng.random((n_draws, 4)) if n_draws > 1 else np.zeros((1, 4))
    return Signals(("a", "b"), weights, (FIRST + noise, SECOND))


@pytest.mark.parametrize("name", COMBINERS)
def test_every_combiner_scores_each_item_of_each_draw_and_leaves_its_inputs_alone(name: str):
    given = signals(20)
    before = [np.copy(value) for value in given.values]
    got = COMBINERS[name](given, 4, np.random.default_rng(0))
    assert got.score.shape == (20, 4)
    assert np.isfinite(got.score).all()
    assert all(part.shape[1] == 4 and part.shape[0] in (1, 20) for part in got.parts.values())
    for old, new in zip(before, given.values, strict=True):
        np.testing.assert_array_equal(old, new)
    again = COMBINERS[name](given, 4, np.random.default_rng(0))
    np.testing.assert_array_equal(got.score, again.score)


@pytest.mark.parametrize("name", COMBINERS)
def test_an_item_that_is_last_everywhere_comes_last(name: str):
    got = COMBINERS[name](signals(), 4, np.random.default_rng(0))
    assert got.score[0].argmin() == 3


@pytest.mark.parametrize("name", COMBINERS)
def test_one_signal_alone_keeps_its_order(name: str):
    values = np.random.default_rng(2).random((5, 9))
    got = COMBINERS[name](Signals(("a",), (1.0,), (values,)), 9, np.random.default_rng(0))
    np.testing.assert_array_equal(np.argsort(-got.score), np.argsort(-values))


@pytest.mark.parametrize("name", ["weighted", "rrf", "pareto"])
def test_one_batch_of_draws_equals_many_small_ones(name: str):
    given = signals(6)
    whole = COMBINERS[name](given, 4, np.random.default_rng(0)).score
    for i in range(6):
        one = given._replace(values=(given.values[0][i : i + 1], given.values[1]))
        np.testing.assert_array_equal(
            COMBINERS[name](one, 4, np.random.default_rng(0)).score[0], whole[i]
        )


def test_weighted_on_paper():
    """0.75 * 0.3 + 0.25 * 0.1 = 0.25; 0.75 * 0.1 + 0.25 * 0.4 = 0.175; 0.2; 0."""
    got = COMBINERS["weighted"](signals(weights=(0.75, 0.25)), 4, np.random.default_rng(0))
    np.testing.assert_allclose(got.score, [[0.25, 0.175, 0.2, 0.0]])


def test_reciprocal_ranks_on_paper():
    """Ranks 1 3 2 4 and 3 1 2 4, the lists cut at 2: 0.5 / 61 for the two firsts, 0.5 / 62 twice
    for item 2.
    """
    got = COMBINERS["rrf"](signals(), 2, np.random.default_rng(0))
    np.testing.assert_allclose(got.score, [[0.5 / 61, 0.5 / 61, 1 / 62, 0.0]])
    assert got.parts["rank_a"].tolist() == [[1, 0, 2, 0]]


def test_equals_share_the_better_rank():
    assert competition_rank(np.array([[5.0, 5.0, 1.0, 7.0]])).tolist() == [[2, 2, 4, 1]]


def test_scores_that_are_no_rates_belong_to_the_registry():
    assert set(POLICIES) >= NOT_A_RATE
