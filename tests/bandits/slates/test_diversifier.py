"""Similarity to the item just taken."""

from __future__ import annotations

import numpy as np

from bandits.slates.diversifier import similarity_to
from tests.bandits.slate_world import make_catalogue


def test_similarity_is_the_cosine_of_each_row_to_its_own_item():
    vectors = np.stack([make_catalogue().vectors, make_catalogue(seed=9).vectors])
    got = similarity_to(vectors, np.array([4, 7]))
    np.testing.assert_allclose(got[0], vectors[0] @ vectors[0, 4], atol=1e-6)
    np.testing.assert_allclose(got[1], vectors[1] @ vectors[1, 7], atol=1e-6)


def test_an_item_without_a_vector_is_like_itself_only():
    vectors = np.zeros((1, 3, 2), dtype=np.float32)
    vectors[0, 0] = [1, 0]
    assert similarity_to(vectors, np.array([1])).tolist() == [[0, 1, 0]]
