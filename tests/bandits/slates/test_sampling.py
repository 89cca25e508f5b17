"""Draws of an eligible set: how many, for whom, and that narrowing changes nothing."""

from __future__ import annotations

import numpy as np
from scipy.stats import ks_2samp

from bandits.slates.sampling import DRAW_BUDGET, FEWEST_DRAWS, draw, n_draws
from bandits.slates.segment import scorers_of
from bandits.slates.signals import weighted_sum
from tests.bandits.slate_world import make_counts, make_snapshot

N = 600


def world(text: str = "", looks: float = 1000):
    view = make_snapshot(text, N, counts=make_counts(N, looks=looks)).view
    return view, scorers_of(view, dict(view.config.objectives), view.facts)


def test_narrowing_keeps_the_law_of_every_place():
    view, scorers = world()
    items = np.arange(N)
    wide = weighted_sum(draw(view, scorers, items, 4000, np.random.default_rng(0)).signals)
    narrow = draw(view, scorers, items, 4000, np.random.default_rng(1), narrow_to=5)
    assert narrow.items.size < N / 2
    best_wide = np.sort(wide, axis=1)[:, -5:]
    best_narrow = np.sort(weighted_sum(narrow.signals), axis=1)[:, -5:]
    for place in range(5):
        assert ks_2samp(best_wide[:, place], best_narrow[:, place]).pvalue > 1e-4
    share_wide = np.bincount(wide.argmax(axis=1), minlength=N) / 4000
    share_narrow = (
        np.bincount(narrow.items[weighted_sum(narrow.signals).argmax(axis=1)], minlength=N) / 4000
    )
    np.testing.assert_allclose(share_wide, share_narrow, atol=5 * np.sqrt(0.25 / 4000))


def test_a_long_tail_gets_every_draw_and_keeps_the_law_of_every_place():
    """600 items with a prior worth a fifth of a click: each reaches the slate in some draws. Few
    draws with the tail above its floor only, and all draws of all items, show alike.
    """
    counts = make_counts(N, looks=30.0)
    text = "[priors]\nitem_clicks = 0.2"
    view = make_snapshot(text, N, counts=counts, segment=None).view
    scorers = scorers_of(view, dict(view.config.objectives), view.facts)
    items, rng = np.arange(N), np.random.default_rng(4)
    wide = weighted_sum(draw(view, scorers, items, 4000, rng).signals)
    long = draw(view, scorers, items, 16, rng, narrow_to=5, most=4000)
    score = weighted_sum(long.signals)
    assert score.shape[0] > 1000
    for place in range(5):
        best_wide, best_long = np.sort(wide, axis=1)[:, -5:], np.sort(score, axis=1)[:, -5:]
        assert ks_2samp(best_wide[:, place], best_long[:, place]).pvalue > 1e-4
    share_wide = np.bincount(wide.argmax(axis=1), minlength=N) / wide.shape[0]
    share_long = np.bincount(long.items[score.argmax(axis=1)], minlength=N) / score.shape[0]
    np.testing.assert_allclose(share_wide, share_long, atol=5 * np.sqrt(0.25 / 1000))


def test_items_left_out_by_narrowing_cannot_reach_the_lowest_floor():
    view, scorers = world()
    narrow = draw(view, scorers, np.arange(N), 500, np.random.default_rng(1), narrow_to=5)
    floor = np.sort(weighted_sum(narrow.signals), axis=1)[:, -5].min()
    left_out = np.setdiff1d(np.arange(N), narrow.items)
    again = weighted_sum(draw(view, scorers, left_out, 2000, np.random.default_rng(2)).signals)
    assert (again < floor).all()


def test_each_item_is_drawn_once_and_fixed_signals_have_one_row():
    view, scorers = world()
    got = draw(view, scorers, np.arange(N), 50, np.random.default_rng(0), narrow_to=5)
    assert np.unique(got.items).size == got.items.size
    by_name = dict(zip(got.signals.names, got.signals.values, strict=True))
    assert by_name["thompson"].shape == (50, got.items.size)
    assert by_name["ucb"].shape == (1, got.items.size)


def test_a_joint_draw_is_that_of_the_whole_segment():
    view, scorers = world("[policies.epsilon_greedy]\nepsilon = 0.5")
    some = np.array([5, 9])
    got = draw(view, scorers, some, 40, np.random.default_rng(8)).signals.values[0]
    whole = scorers[0].policy.draws(view.arms, np.random.default_rng(8), 40)
    np.testing.assert_array_equal(got, whole[:, some])


def test_draws_follow_the_budget_between_the_fewest_and_the_file():
    view, scorers = world()
    assert n_draws(view, scorers, 100, 20, single=False) == 512
    assert n_draws(view, scorers, 1000, 20, single=False) == DRAW_BUDGET // 1000
    assert n_draws(view, scorers, 10**6, 20, single=False) == FEWEST_DRAWS
    assert n_draws(view, scorers, 20, 20, single=True) == 64
    finer = world("draws = 2048")[0]
    assert n_draws(finer, scorers, 1000, 20, single=False) == 4 * DRAW_BUDGET // 1000
    view, scorers = world("[policies.epsilon_greedy]")
    # drawn for all items whatever is looked at
    assert n_draws(view, scorers, 20, 20, single=False) == DRAW_BUDGET // N
