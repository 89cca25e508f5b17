"""Item vectors from clicks alone: who clicks the one clicks the other.

    X: (users, items), 1 where a user clicked;  n_i = sum_u X_ui;  D = diag(n)
    S = D^-1/2 X' X D^-1/2 - I          cosines of items' columns, an item's to itself left out
    S ~ U diag(l) U',  f_i = U_i sqrt(l) / |.|        the `rank` largest l

The eigenvectors of S are those of S + I, and so the right singular vectors of X D^-1/2, of whose
squared singular values each l is one less. They are found by a randomised SVD: nothing of the size
items x items is made. Popularity is divided out; two items that nobody clicks together are apart.

Sarwar et al. (2001), Item-Based Collaborative Filtering Recommendation Algorithms (the cosines);
Cremonesi, Koren & Turrin (2010), Performance of Recommender Algorithms on Top-N Recommendation
Tasks (PureSVD); Halko, Martinsson & Tropp (2011), Finding Structure with Randomness, algorithm 4.4.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import CLICK, Events

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]

RANK = 64
MORE = 16  # random directions besides
PASSES = 6  # over the clicks: the small singular values of click data lie close together
SEED = 0
TINY = 1e-6
COLUMNS = 16  # at once, so that a million clicks need 64 MB


class CoClicks(NamedTuple):
    """Attributes: `vectors` (n_items, f) unit rows, zeros for items without co-clicks; `clicks`
    (n_items,) users who clicked.
    """

    vectors: FloatArray
    clicks: NDArray[np.float64]


def co_clicks(events: Events, n_items: int, rank: int = RANK) -> CoClicks:
    """Make the vectors.

    Parameters
    ----------
    events
        Clicks count, each user and item once; conversions do not.
    n_items
        Items of the corpus.
    rank
        f; larger tells finer tastes apart and needs more clicks. Fewer than this come out where the
        clicks have no more directions.

    """
    pairs = events.where(events.kinds == CLICK)
    users, items = pairs.users, pairs.items
    clicks = np.bincount(items, minlength=n_items).astype(np.float64)  # (n_items,)
    if not len(items):
        return CoClicks(np.zeros((n_items, 1), np.float32), clicks)
    known = np.flatnonzero(clicks)
    column = np.zeros(n_items, np.int64)
    column[known] = np.arange(len(known))
    matrix = _Clicks(users, column[items], 1 / np.sqrt(clicks[known]))
    rng = np.random.default_rng(SEED)
    width = min(rank + MORE, *matrix.shape)
    basis = rng.normal(size=(matrix.shape[1], width)).astype(np.float32)
    for _ in range(PASSES):
        basis = np.linalg.qr(matrix.back(np.linalg.qr(matrix.times(basis))[0]))[0]
    _, sizes, right = np.linalg.svd(matrix.times(basis), full_matrices=False)
    kept = min(rank, int((sizes**2 > 1 + TINY).sum()))
    if not kept:
        return CoClicks(np.zeros((n_items, 1), np.float32), clicks)
    found = (basis @ right[:kept].T) * np.sqrt(sizes[:kept] ** 2 - 1)  # (known, kept)
    norms = np.linalg.norm(found, axis=1, keepdims=True)
    vectors = np.zeros((n_items, kept), np.float32)
    vectors[known] = np.where(norms > TINY, found / np.maximum(norms, TINY), 0.0)
    return CoClicks(vectors, clicks)


class _Clicks:
    """X D^-1/2 by its entries: products with it and with its transpose."""

    def __init__(self, users: IntArray, items: IntArray, scale: NDArray[np.float64]) -> None:
        users = np.unique(users, return_inverse=True)[1]
        self.shape = int(users.max()) + 1, len(scale)
        self._scale = scale.astype(np.float32)[:, None]  # (n_items, 1)
        by_user, by_item = np.argsort(users, kind="stable"), np.argsort(items, kind="stable")
        self._items, self._first_of_user = items[by_user], _starts(users[by_user])
        self._users, self._first_of_item = users[by_item], _starts(items[by_item])

    def times(self, right: FloatArray) -> FloatArray:
        """(n_users, k) of (n_items, k)."""
        return _sums(self._scale * right, self._items, self._first_of_user)

    def back(self, left: FloatArray) -> FloatArray:
        """(n_items, k) of (n_users, k)."""
        return self._scale * _sums(left, self._users, self._first_of_item)


def _starts(ordered: IntArray) -> IntArray:
    """Where each number begins; every number up to the last one is there."""
    return np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])


def _sums(rows: FloatArray, at: IntArray, starts: IntArray) -> FloatArray:
    """Sums of `rows[at]` between the starts, (len(starts), k)."""
    parts = [
        np.add.reduceat(rows[:, first : first + COLUMNS][at], starts, axis=0)
        for first in range(0, rows.shape[1], COLUMNS)
    ]
    return np.hstack(parts).astype(np.float32)
