"""The suite over the registry of diversity methods."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.slates.composition import choose
from bandits.slates.diversity import DIVERSITY
from tests.bandits.slate_world import make_catalogue


def pick(name: str, price: float, k: int = 6, seed: int = 0):
    score = np.random.default_rng(seed).random((40, 30))
    vectors = make_catalogue().vectors
    return score, choose(
        score,
        k,
        np.random.default_rng(1),
        diversifier=DIVERSITY[name](price),
        vectors=vectors,
        depth=30,
    )


@pytest.mark.parametrize("name", DIVERSITY)
def test_a_price_of_nothing_keeps_the_order_of_the_score(name: str):
    score, got = pick(name, 0.0)
    np.testing.assert_array_equal(got.columns, np.argsort(-score, axis=1)[:, :6])


@pytest.mark.parametrize("name", DIVERSITY)
def test_terms_are_zero_at_first_and_never_above(name: str):
    score, got = pick(name, 0.5)
    np.testing.assert_array_equal(got.diversity[:, 0], 0.0)
    assert (got.diversity <= 0).all()
    np.testing.assert_allclose(
        got.score, np.take_along_axis(score, got.columns, axis=1) + got.diversity
    )


@pytest.mark.parametrize("name", DIVERSITY)
def test_a_higher_price_makes_slates_less_alike(name: str):
    def likeness(columns: np.ndarray) -> float:
        vectors = make_catalogue().vectors[columns]
        return float(
            np.mean([np.maximum(v @ v.T, 0)[np.triu_indices(6, 1)].mean() for v in vectors])
        )

    assert likeness(pick(name, 2.0)[1].columns) < likeness(pick(name, 0.0)[1].columns) - 0.03


@pytest.mark.parametrize("name", DIVERSITY)
def test_a_copy_of_a_taken_item_comes_after_anything_else(name: str):
    vectors = np.eye(4, dtype=np.float32)[[0, 0, 1, 2]]
    score = np.array([[1.0, 0.9, 0.8, 0.1]])
    got = choose(
        score,
        4,
        np.random.default_rng(0),
        diversifier=DIVERSITY[name](5.0),
        vectors=vectors,
        depth=4,
    )
    assert got.columns.tolist() == [[0, 2, 3, 1]]


@pytest.mark.parametrize("name", DIVERSITY)
def test_the_first_places_do_not_depend_on_how_many_follow(name: str):
    np.testing.assert_array_equal(
        pick(name, 0.5, k=3)[1].columns, pick(name, 0.5, k=8)[1].columns[:, :3]
    )


@pytest.mark.parametrize("name", DIVERSITY)
def test_items_without_a_vector_resemble_nothing(name: str):
    vectors = make_catalogue().vectors.copy()
    vectors[:10] = 0
    score = np.random.default_rng(0).random((2, 30))
    score[:, :10] += 1
    got = choose(
        score,
        5,
        np.random.default_rng(1),
        diversifier=DIVERSITY[name](3.0),
        vectors=vectors,
        depth=30,
    )
    np.testing.assert_array_equal(got.columns, np.argsort(-score, axis=1)[:, :5])
    np.testing.assert_allclose(got.diversity, 0.0)
