"""Team draft: turns, tags and fairness."""

from __future__ import annotations

import numpy as np

from bandits.slates.signals import Signals
from bandits.slates.team_draft import team_draft
from bandits.slates.top_k import top_k

A = np.array([[9.0, 8.0, 7.0, 1.0, 0.0, 0.5]])
B = np.array([[9.0, 1.0, 0.0, 8.0, 7.0, 0.5]])


def draft(n: int, weights: tuple[float, float] = (0.5, 0.5), depth: int = 4):
    values = tuple(np.broadcast_to(x, (n, 6)) for x in (A, B))
    got = team_draft(Signals(("a", "b"), weights, values), depth, np.random.default_rng(4))
    return got, top_k(got.score, depth, np.random.default_rng(0))


def test_each_team_gets_its_own_best_items_still_free():
    """Both want 0. If a takes it, b takes 3, then the coin again: {1, 3 or ...}; all four of 0, 1,
    3 and 2 or 4.
    """
    got, order = draft(2000)
    slates = {tuple(sorted(row)) for row in order.tolist()}
    assert slates == {(0, 1, 2, 3), (0, 1, 3, 4)}
    assert (order[:, 0] == 0).all()
    for row, columns in enumerate(order):
        teams = [int(got.parts["team_b"][row, c]) for c in columns]
        assert sum(teams) == 2
        assert teams[0] != teams[1]
        assert teams[2] != teams[3]


def test_the_item_both_want_goes_to_either_team_half_the_time():
    got, _ = draft(4000)
    share = got.parts["team_a"][:, 0].mean()
    assert abs(share - 0.5) < 4 * 0.5 / np.sqrt(4000)


def test_tags_tell_the_team_of_drafted_items_and_of_no_others():
    got, order = draft(50)
    tagged = got.parts["team_a"] + got.parts["team_b"]
    assert tagged.sum() == 50 * 4
    assert (np.take_along_axis(tagged, order, axis=1) == 1).all()
    assert (got.score[tagged == 0] == 0).all()


def test_score_is_one_over_the_place_of_the_pick():
    got, order = draft(3)
    np.testing.assert_allclose(
        np.take_along_axis(got.score, order, axis=1), np.tile([1, 1 / 2, 1 / 3, 1 / 4], (3, 1))
    )


def test_a_heavier_team_picks_in_proportion_and_first():
    got, order = draft(100, weights=(0.75, 0.25))
    teams = np.take_along_axis(got.parts["team_a"], order, axis=1)
    assert (teams.sum(axis=1) == 3).all()
    assert (teams[:, 0] == 1).all()


def test_equals_within_a_team_are_drawn_at_random():
    values = np.zeros((4000, 3))
    got = team_draft(Signals(("a",), (1.0,), (values,)), 1, np.random.default_rng(2))
    share = got.score.mean(axis=0)
    np.testing.assert_allclose(share, 1 / 3, atol=4 * np.sqrt(2 / 9 / 4000))
