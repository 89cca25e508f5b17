"""The exact order: score, then seeded random."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from bandits.slates.top_k import first_of_equals, top_k


@given(st.integers(1, 40), st.integers(1, 50), st.integers(0, 2**31))
def test_top_k_equals_a_full_sort(n: int, k: int, seed: int):
    scores = np.random.default_rng(seed).random((3, n))
    expected = np.argsort(-scores, axis=1)[:, :k]
    np.testing.assert_array_equal(top_k(scores, k, np.random.default_rng(0)), expected)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31))
def test_scores_of_a_slate_never_rise_and_none_left_out_is_larger(n: int, k: int, seed: int):
    scores = np.random.default_rng(seed).integers(0, 4, (2, n)).astype(float)
    for row, columns in zip(scores, top_k(scores, k, np.random.default_rng(seed)), strict=True):
        assert len(set(columns.tolist())) == min(n, k)
        assert (np.diff(row[columns]) <= 0).all()
        rest = np.setdiff1d(np.arange(n), columns)
        assert rest.size == 0 or row[rest].max() <= row[columns].min()


def test_equals_at_the_edge_and_inside_come_in_every_order_alike():
    """Scores 1, 1, 0, 0, 0: places 1-2 are items 0, 1 in 2 orders, place 3 is 2, 3 or 4: six
    slates, each 1/6.
    """
    scores = np.tile([1.0, 1.0, 0.0, 0.0, 0.0], (12_000, 1))
    slates, counts = np.unique(
        top_k(scores, 3, np.random.default_rng(3)), axis=0, return_counts=True
    )
    assert len(slates) == 6
    assert chisquare(counts).pvalue > 1e-3


def test_minus_infinity_comes_last_and_k_zero_is_empty():
    scores = np.array([[0.1, -np.inf, 0.2]])
    assert top_k(scores, 3, np.random.default_rng(0)).tolist() == [[2, 0, 1]]
    assert top_k(scores, 0, np.random.default_rng(0)).shape == (1, 0)


def test_first_of_equals_follows_the_keys():
    scores, keys = np.array([[2.0, 1.0, 2.0]]), np.array([[0.1, 0.9, 0.5]])
    assert first_of_equals(scores, keys).tolist() == [2]
