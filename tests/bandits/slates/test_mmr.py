"""MMR equals its definition by brute force."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bandits.slates.composition import choose
from bandits.slates.mmr import mmr


@given(st.integers(2, 15), st.floats(0, 3), st.integers(0, 2**31))
def test_mmr_equals_brute_force(n: int, price: float, seed: int):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 3)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    score = rng.random(n)
    cosine = vectors.astype(float) @ vectors.T
    taken: list[int] = []
    for _ in range(min(5, n)):
        gain = [
            -np.inf if a in taken else score[a] - price * max([0.0, *(cosine[a, b] for b in taken)])
            for a in range(n)
        ]
        taken.append(int(np.argmax(gain)))
    got = choose(score[None], 5, rng, diversifier=mmr(price), vectors=vectors, depth=n)
    assert got.columns[0].tolist() == taken


def test_mmr_on_paper():
    """Scores 1, 0.9, 0.5; items 0 and 1 at cosine 0.8, 2 at right angles: at price 1, item 1 is
    worth 0.1, item 2 0.5.
    """
    vectors = np.array([[1, 0, 0], [0.8, 0.6, 0], [0, 0, 1]], dtype=np.float32)
    score = np.array([[1.0, 0.9, 0.5]])
    got = choose(score, 3, np.random.default_rng(0), diversifier=mmr(1.0), vectors=vectors, depth=3)
    assert got.columns.tolist() == [[0, 2, 1]]
    np.testing.assert_allclose(got.score, [[1.0, 0.5, 0.1]], atol=1e-6)
