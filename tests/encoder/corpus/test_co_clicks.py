"""Item vectors from clicks, against paper and against the dense decomposition."""

from __future__ import annotations

import numpy as np

from encoder.corpus.co_clicks import co_clicks
from encoder.corpus.corpus import CLICK, CONVERSION, Events


def events(pairs: list[tuple[int, int]], kind: int = CLICK) -> Events:
    """(user, item) pairs."""
    users, items = np.array(pairs, np.int64).reshape(-1, 2).T
    n = len(users)
    return Events(users, items, np.full(n, kind, np.int64), np.arange(n, dtype=np.float64))


def taste(n_users: int = 300, n_items: int = 40, seed: int = 0) -> Events:
    """Two kinds of users and of items, one click in five on the other kind; items of all
    popularities.
    """
    rng = np.random.default_rng(seed)
    liked = np.arange(n_items)[None] % 2 == np.arange(n_users)[:, None] % 2
    popular = rng.uniform(0.2, 1.0, n_items)
    clicked = rng.random(liked.shape) < np.where(liked, 0.4, 0.1) * popular
    return events([(int(user), int(item)) for user, item in np.argwhere(clicked)])


def test_two_pairs_of_items_with_users_of_their_own_are_apart():
    """Users 0, 1 click items 0 and 1; users 2, 3 items 3 and 4; nobody clicks item 2."""
    found = co_clicks(events([(u, i + 3 * (u > 1)) for u in range(4) for i in range(2)]), 5)
    assert found.clicks.tolist() == [2, 2, 0, 2, 2]
    cosines = found.vectors @ found.vectors.T
    same = [[1, 1, 0, 0, 0], [1, 1, 0, 0, 0], [0] * 5, [0, 0, 0, 1, 1], [0, 0, 0, 1, 1]]
    assert np.allclose(cosines, same, atol=1e-5)


def test_the_randomised_decomposition_is_the_dense_one():
    clicked, n, rank = taste(), 40, 2
    x = np.zeros((300, n))
    x[clicked.users, clicked.items] = 1
    size = np.sqrt(x.sum(axis=0))
    cosines = x.T @ x / np.outer(size, size) - np.eye(n)
    values, basis = np.linalg.eigh(cosines)
    dense = basis[:, ::-1][:, :rank] * np.sqrt(values[::-1][:rank])
    dense /= np.linalg.norm(dense, axis=1, keepdims=True)
    found = co_clicks(clicked, n, rank).vectors
    assert found.shape == (n, rank)
    assert np.abs(found @ found.T - dense @ dense.T).max() < 0.1


def test_items_of_one_taste_lie_together_whatever_their_popularity():
    found = co_clicks(taste(), 40, 2).vectors
    cosines = found @ found.T
    alike = np.arange(40)[:, None] % 2 == np.arange(40)[None] % 2
    assert cosines[alike].mean() > cosines[~alike].mean() + 0.3


def test_conversions_and_lone_clicks_make_no_vector():
    lone = co_clicks(events([(0, 0), (1, 1), (2, 2)]), 3)
    assert not lone.vectors.any()
    assert lone.clicks.tolist() == [1, 1, 1]
    assert not co_clicks(events([(0, 0), (0, 1)], CONVERSION), 3).clicks.any()
    assert not co_clicks(events([]), 3).vectors.any()


def test_the_same_clicks_give_the_same_vectors():
    assert np.array_equal(co_clicks(taste(), 40).vectors, co_clicks(taste(), 40).vectors)
