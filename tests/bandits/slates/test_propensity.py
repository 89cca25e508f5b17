"""Propensities: shares of draws, closed form of ties, and the stated loss of support."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bandits.slates.propensity import draw_ties, of_draws, of_filtered
from bandits.slates.serve import compose
from tests.bandits.calibration import assert_calibrated, observe
from tests.bandits.slate_world import ask, make_counts, make_snapshot, without_floor

FILES = {
    "default": "",
    "team draft": 'combiner = "team_draft"',
    "ranks": 'combiner = "rrf"',
    "pareto": 'combiner = "pareto"\n[objectives]\nclick = 1\nfreshness = 1',
    "mmr": '[diversity]\nkind = "mmr"\nstrength = 1.0',
    "dpp": '[diversity]\nkind = "dpp"',
    "limits": "[exposure]\nmax_per_category = 2\nmin_share = 0.03\n[exploration]\nmax_slots = 2",
    "greedy, ties": "[policies.greedy]",
    "random": "[policies.random]",
    "softmax": "[policies.softmax]",
    "epsilon-greedy": "[policies.epsilon_greedy]",
}


def test_over_200_000_slates_every_item_and_slot_is_as_often_there_as_its_propensity_says():
    check("default", 200_000)


@pytest.mark.parametrize("name", [name for name in FILES if name != "default"])
def test_propensities_are_calibrated_whatever_makes_the_slates(name: str):
    check(name, 20_000)


def check(name: str, n: int) -> None:
    looks = 0.0 if name == "greedy, ties" else 200.0
    snapshot = make_snapshot(FILES[name], counts=make_counts(looks=looks))
    assert_calibrated(*observe(snapshot, ask(5), n, np.random.default_rng(11)))


@pytest.mark.parametrize(
    "more", [{"exclude": np.array([3, 17, 28])}, {"candidates": np.arange(4, 20)}]
)
@pytest.mark.parametrize("name", ["default", "mmr", "random"])
def test_propensities_are_calibrated_within_the_eligible_set_of_the_request(name: str, more: dict):
    snapshot = make_snapshot(FILES[name])
    assert_calibrated(*observe(snapshot, ask(4, **more), 5000, np.random.default_rng(12)))


def test_share_of_draws_on_paper():
    """Four slates of two: place 0 holds 0, 0, 1, 2; place 1 holds 1, 2, 0, 1."""
    columns = np.array([[0, 1], [0, 2], [1, 0], [2, 1]])
    assert of_draws(columns, 3).tolist() == [[0.5, 0.5], [0.5, 0.25], [0.25, 0.25], [0.25, 0.5]]
    assert of_filtered(columns, 0).tolist() == [0.5, 0.5]


def test_ties_on_paper():
    """Scores 3, 1, 1, 1: place 0 is item 0 for sure, places 1 and 2 are 1 of 3 each."""
    got = draw_ties(np.array([3.0, 1.0, 1.0, 1.0]), 3, 500, np.random.default_rng(0))
    np.testing.assert_allclose(got.propensity, np.tile([1, 1 / 3, 1 / 3], (500, 1)))
    assert (got.columns[:, 0] == 0).all()
    assert {tuple(row) for row in got.columns[:, 1:].tolist()} == {
        (a, b) for a in (1, 2, 3) for b in (1, 2, 3) if a != b
    }


@given(st.integers(0, 2**31), st.integers(1, 12), st.integers(1, 14))
def test_tie_slates_are_valid_orders_of_the_scores(seed: int, n: int, k: int):
    rng = np.random.default_rng(seed)
    score = rng.integers(0, 4, n).astype(float)
    got = draw_ties(score, k, 3, rng)
    expected = np.sort(score)[::-1][: min(k, n)]
    np.testing.assert_array_equal(score[got.columns], np.tile(expected, (3, 1)))
    assert all(len(set(row.tolist())) == min(k, n) for row in got.columns)


def test_no_items_make_an_empty_slate():
    got = draw_ties(np.zeros(0), 3, 2, np.random.default_rng(0))
    assert got.columns.shape == (2, 0)


def test_what_is_shown_has_at_least_one_draw_behind_it():
    snapshot = make_snapshot(without_floor("draws = 64"))
    results = compose(snapshot, [ask(5)] * 500, np.random.default_rng(0))
    assert min(result.propensities.min() for result in results) >= 1 / 64
