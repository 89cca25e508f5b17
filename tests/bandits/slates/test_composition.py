"""From scores to slates: caps, floors and diversity, each against brute force or on paper."""

from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bandits.slates.composition import choose
from bandits.slates.constraints import Limits
from bandits.slates.mmr import mmr
from tests.bandits.slate_world import make_catalogue

NOTHING = np.zeros((0, 6), dtype=np.bool_)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def member(*items: int, n: int = 6) -> np.ndarray:
    mask = np.zeros(n, dtype=np.bool_)
    mask[list(items)] = True
    return mask


SCORE = np.array([[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]])


def test_without_limits_the_best_k_come_in_order():
    got = choose(SCORE, 3, rng())
    assert got.columns.tolist() == [[0, 1, 2]]
    np.testing.assert_allclose(got.score, [[0.9, 0.8, 0.7]])


def test_no_category_takes_more_than_its_cap_and_items_without_one_are_free():
    category = np.array([1, 1, 1, -1, -1, 2], dtype=np.int32)
    limits = Limits(category, 1, NOTHING, (), ())
    assert choose(SCORE, 4, rng(), limits=limits).columns.tolist() == [[0, 3, 4, 5]]


@given(st.integers(0, 2**31), st.integers(1, 3), st.integers(1, 6))
def test_a_category_cap_gives_the_best_sum_there_is(seed: int, most: int, k: int):
    generator = np.random.default_rng(seed)
    score = generator.random((1, 8))
    category = generator.integers(-1, 3, 8).astype(np.int32)
    limits = Limits(category, most, np.zeros((0, 8), dtype=np.bool_), (), ())
    got = choose(score, k, generator, limits=limits)

    def fits(items: tuple[int, ...]) -> bool:
        return all((category[list(items)] == c).sum() <= most for c in range(3))

    sums = [
        score[0, list(items)].sum() for items in itertools.combinations(range(8), k) if fits(items)
    ]
    if sums:
        np.testing.assert_allclose(got.score.sum(), max(sums))


def test_a_cap_gives_way_when_nothing_else_is_left():
    category = np.zeros(6, dtype=np.int32)
    got = choose(SCORE, 4, rng(), limits=Limits(category, 2, NOTHING, (), ()))
    assert got.columns.tolist() == [[0, 1, 2, 3]]


def test_a_floor_is_filled_at_the_lowest_place():
    limits = Limits(None, 9, member(4, 5)[None], (1,), (9,))
    assert choose(SCORE, 3, rng(), limits=limits).columns.tolist() == [[0, 1, 4]]


def test_a_floor_that_is_met_anyway_costs_nothing():
    limits = Limits(None, 9, member(1, 5)[None], (1,), (9,))
    assert choose(SCORE, 3, rng(), limits=limits).columns.tolist() == [[0, 1, 2]]


def test_a_floor_above_what_there_is_takes_all_there_is():
    limits = Limits(None, 9, member(5)[None], (3,), (9,))
    assert choose(SCORE, 3, rng(), limits=limits).columns.tolist() == [[0, 1, 5]]


def test_two_floors_are_both_filled():
    limits = Limits(None, 9, np.stack([member(4), member(5)]), (1, 1), (9, 9))
    assert choose(SCORE, 3, rng(), limits=limits).columns.tolist() == [[0, 4, 5]]


def test_a_budget_of_slots_is_never_overdrawn():
    limits = Limits(None, 9, member(0, 1, 2)[None], (0,), (1,))
    assert choose(SCORE, 4, rng(), limits=limits).columns.tolist() == [[0, 3, 4, 5]]


def test_draws_are_chosen_for_independently():
    score = np.stack([SCORE[0], SCORE[0][::-1]])
    limits = Limits(None, 9, member(4, 5)[None], (1,), (9,))
    assert choose(score, 2, rng(), limits=limits).columns.tolist() == [[0, 4], [5, 4]]


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_diversity_keeps_caps_and_floors_whatever_its_price(seed: int, k: int):
    generator = np.random.default_rng(seed)
    catalogue = make_catalogue(seed=seed)
    score = generator.random((3, 30))
    owed = generator.random(30) < 0.2
    limits = Limits(catalogue.group, 2, owed[None], (2,), (31,))
    got = choose(
        score,
        k,
        generator,
        limits=limits,
        diversifier=mmr(2.0),
        vectors=catalogue.vectors,
        depth=2 * k,
    )
    for columns in got.columns:
        assert len(set(columns.tolist())) == k
        assert np.bincount(catalogue.group[columns]).max() <= 2
        roomy = np.minimum(np.bincount(catalogue.group[owed], minlength=5), 2).sum()
        assert owed[columns].sum() >= min(2, k, roomy)


def test_equals_under_limits_come_in_random_order():
    limits = Limits(np.full(6, -1, dtype=np.int32), 1, NOTHING, (), ())
    first = choose(np.zeros((6000, 6)), 1, rng(), limits=limits).columns[:, 0]
    np.testing.assert_allclose(np.bincount(first) / 6000, 1 / 6, atol=4 * np.sqrt(5 / 36 / 6000))


def test_more_places_than_items_fill_all_items():
    assert choose(SCORE, 99, rng()).columns.shape == (1, 6)
    assert choose(
        SCORE, 99, rng(), limits=Limits(None, 9, member(1)[None], (1,), (9,))
    ).columns.shape == (1, 6)
    assert choose(np.zeros((2, 0)), 3, rng()).columns.shape == (2, 0)
