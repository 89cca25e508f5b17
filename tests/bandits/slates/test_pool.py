"""Boards: the slates are those of the policies, screened or not."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.arms import posterior
from bandits.policies.kl_ucb import kl_ucb
from bandits.slates.pool import make_pool, spread_of
from bandits.slates.segment import scorers_of
from tests.bandits.slate_world import make_counts, make_snapshot

K = 5


def board_of(text: str = "", n_items: int = 120, seed: int = 0, **more):
    view = make_snapshot(text, n_items, counts=make_counts(n_items, looks=1500), **more).view
    scorers = scorers_of(view, dict(view.config.objectives), view.facts)
    return view, make_pool(view, scorers, np.arange(n_items), K, np.random.default_rng(seed))


def test_shares_over_many_boards_are_those_of_plain_draws_of_all_items():
    """Independent check: theta ~ Beta, score = (theta + KL-UCB) / 2, argsort: no screening, no
    cache, no shares.
    """
    view, _ = board_of()
    scorers = scorers_of(view, dict(view.config.objectives), view.facts)
    shares = np.zeros((K, 120))
    pools = 40
    for seed in range(pools):
        pool = make_pool(view, scorers, np.arange(120), K, np.random.default_rng(seed))
        for place in range(K):
            shares[place] += np.bincount(pool.items[pool.columns[:, place]], minlength=120) / len(
                pool.columns
            )
    shares /= pools
    alpha, beta = posterior(view.arms)
    rng = np.random.default_rng(99)
    score = (rng.beta(alpha, beta, (40_000, 120)) + kl_ucb().score(view.arms, rng)) / 2
    plain = np.argsort(-score, axis=1)[:, :K]
    expected = np.stack(
        [np.bincount(plain[:, place], minlength=120) / 40_000 for place in range(K)]
    )
    error = np.sqrt(expected * (1 - expected) * (1 / 40_000 + 1 / (512 * pools))) + 1e-4
    assert (np.abs(shares - expected) < 5 * error).all()


def test_columns_point_into_the_items_that_the_board_holds():
    _, pool = board_of()
    assert pool.holds.sum() == pool.items.size
    assert pool.holds[pool.items].all()
    assert pool.columns.max() < pool.items.size
    assert {"mean", "impressions", "prior", "ucb"} == set(pool.fixed)
    assert all(part.shape == pool.items.shape for part in pool.fixed.values())
    assert {name: part.shape for name, part in pool.placed.items()} == {
        "thompson": pool.columns.shape
    }


def test_fixed_scores_need_no_draws():
    _, pool = board_of("[policies.greedy]")
    assert pool.fixed_score is not None
    assert pool.columns.size == 0


def test_drafts_of_fixed_signals_are_drawn_all_the_same():
    _, pool = board_of(
        'combiner = "team_draft"\n[policies.greedy]\n[objectives]\nclick = 1\nfreshness = 1'
    )
    assert len(np.unique(pool.columns, axis=0)) > 1
    assert pool.columns.shape[0] > 1


def test_the_same_seed_gives_the_same_board():
    one, two = board_of(seed=4)[1], board_of(seed=4)[1]
    np.testing.assert_array_equal(one.items[one.columns], two.items[two.columns])
    np.testing.assert_array_equal(one.score, two.score)


@pytest.mark.parametrize("combiner", ["weighted", "rrf", "team_draft", "pareto"])
def test_the_unit_of_diversity_is_above_zero_for_every_combiner(combiner: str):
    assert spread_of(combiner, 0.02, 1) > 0
