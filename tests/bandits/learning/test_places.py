"""Places learned: from items that were at several places, whoever put them there."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.counts import validate, zeros
from bandits.learning.places import (
    BANDS,
    PlaceCounts,
    added_up,
    band_of,
    examined,
    learn_places,
    prior_curve,
)

N = len(BANDS)
TRUTH = prior_curve() ** 1.5


def served(
    n_cells: int, looks: float, rng: np.random.Generator, width: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Cells of rates that fall from place to place, each at `width` places."""
    rates = np.sort(rng.beta(2, 20, n_cells))[::-1]
    home = np.linspace(0, N - 1, n_cells).astype(int)
    shown = np.zeros((n_cells, N))
    for cell, place in enumerate(home):
        shown[cell, place : place + width] = rng.poisson(looks, width)[: N - place]
    return shown, rng.poisson(shown * rates[:, None] * TRUTH).astype(float)


def test_good_items_at_the_top_are_not_taken_for_looking():
    """Clicks by place fall ten times as fast as looks, since better items stand higher."""
    shown, clicks = served(400, 2000, np.random.default_rng(0))
    found = learn_places(shown, clicks)
    assert found.credible
    naive = (clicks.sum(axis=0) / shown.sum(axis=0))[5]
    assert naive < 0.7 * TRUTH[5] * (clicks.sum(axis=0) / shown.sum(axis=0))[0]
    np.testing.assert_allclose(found.weights[:6], TRUTH[:6], rtol=0.12)
    assert (np.abs(np.log(found.weights / TRUTH)) < 4 * found.error + 0.02).all()


def test_what_was_at_one_place_only_says_nothing():
    shown, clicks = served(400, 2000, np.random.default_rng(1), width=1)
    found = learn_places(shown, clicks)
    assert found.weights == pytest.approx(prior_curve())
    assert not found.identified[1:].any()


def test_a_few_clicks_move_the_curve_a_little():
    rng = np.random.default_rng(2)
    few, many = (learn_places(*served(200, looks, rng)) for looks in (2, 4000))
    off = [np.abs(np.log(each.weights / prior_curve())).max() for each in (few, many)]
    assert off[0] < 0.5 * off[1]
    assert not few.identified[1:].any()
    assert many.identified[:6].all()


def test_two_halves_that_disagree_leave_the_prior():
    """Half of the cells are clicked ten times as often at the second place, which no looking can
    be.
    """
    shown = np.zeros((200, N))
    shown[:, :2] = 1000
    clicks = np.zeros_like(shown)
    total = 400.0 - np.arange(200)  # halves are every other cell in the order of their clicks
    clicks[:, 0] = total * np.tile([0.9, 0.1], 100)
    clicks[:, 1] = total - clicks[:, 0]
    found = learn_places(shown, clicks)
    assert not found.credible
    assert found.weights == pytest.approx(prior_curve())


def test_nothing_at_all_is_the_prior():
    none = np.zeros((0, N))
    assert learn_places(none, none).weights == pytest.approx(prior_curve())


def test_looks_are_what_places_leave_of_impressions():
    """10 impressions, 4 of them at place 1 with weight 1/2: 8 looks; memories alike."""
    weights = np.full(N, 0.5)
    weights[0] = 1.0
    base = zeros(1, 2)
    base = base._replace(
        impressions=np.array([[10.0, 5.0]]),
        examined=np.array([[10.0, 5.0]]),
        pending=np.array([[5.0, 0.0]]),
    )
    placed = PlaceCounts(np.array([0, 0]), np.array([0, 0]), np.zeros((2, N)), np.zeros((2, N)))
    placed.shown[0, 0], placed.shown[0, 1], placed.shown[1, 1] = 6, 1, 3
    counts = examined(base._replace(recent=(base,)), placed, weights)
    validate(counts)
    assert counts.examined.tolist() == [[8.0, 5.0]]
    assert counts.pending.tolist() == [[4.0, 0.0]]
    assert counts.recent[0].examined.tolist() == [[8.0, 5.0]]
    shown, _ = added_up(placed, 2)
    assert shown[:, :2].tolist() == [[6, 4]]


def test_bands_hold_every_place():
    assert band_of(np.array([0, 1, 10, 13, 14, 99, 9999])).tolist() == [0, 1, 10, 10, 11, 14, 15]
