"""The fast greedy DPP equals greedy maximisation of determinants by brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bandits.slates.composition import choose
from bandits.slates.dpp import FLOOR, dpp


@given(st.integers(2, 14), st.floats(0.05, 3), st.integers(0, 2**31))
def test_dpp_equals_greedy_log_determinants(n: int, price: float, seed: int):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 16))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    score = rng.random(n)
    cosine = vectors.astype(float) @ vectors.T.astype(float)
    np.fill_diagonal(cosine, 1.0)
    quality = np.exp(score / (2 * price))
    kernel = quality[:, None] * cosine * quality[None, :]
    taken: list[int] = []
    gains = []
    for _ in range(min(5, n)):
        options = [a for a in range(n) if a not in taken]
        before = np.linalg.slogdet(kernel[np.ix_(taken, taken)])[1] if taken else 0.0
        gain = [
            np.linalg.slogdet(kernel[np.ix_([*taken, a], [*taken, a])])[1] - before for a in options
        ]
        taken.append(options[int(np.argmax(gain))])
        gains.append(max(gain))
    got = choose(score[None], 5, rng, diversifier=dpp(price), vectors=vectors, depth=n)
    assert got.columns[0].tolist() == taken
    np.testing.assert_allclose(got.score[0], price * np.array(gains), rtol=1e-3, atol=1e-4)


def test_residual_on_paper():
    """Cosine 0.6 to the taken item leaves 1 - 0.36 = 0.64 of a vector: term 2 log 0.64."""
    vectors = np.array([[1, 0], [0.6, 0.8]], dtype=np.float32)
    got = choose(
        np.array([[1.0, 0.9]]),
        2,
        np.random.default_rng(0),
        diversifier=dpp(2.0),
        vectors=vectors,
        depth=2,
    )
    np.testing.assert_allclose(got.diversity, [[0.0, 2 * np.log(0.64)]], rtol=1e-5)


def test_more_places_than_dimensions_are_filled_by_score():
    vectors = np.array([[1, 0], [0, 1], [0.6, 0.8], [0.8, 0.6]], dtype=np.float32)
    score = np.array([[0.9, 0.8, 0.3, 0.5]])
    got = choose(score, 4, np.random.default_rng(0), diversifier=dpp(1.0), vectors=vectors, depth=4)
    assert got.columns.tolist() == [[0, 1, 3, 2]]
    np.testing.assert_allclose(got.diversity[0, 2:], np.log(FLOOR), rtol=0.1)
