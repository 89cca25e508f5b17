"""The exact order of a slate: score, largest first; equal scores in seeded random order.

`argpartition` finds the k largest but leaves them unsorted, and takes an arbitrary one of equals at
its edge. So rows where equals meet at the edge or inside the top k are ordered again, by (score,
random key): every order of equals is equally likely.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

Columns = NDArray[np.int64]


def top_k(scores: Floats, k: int, rng: np.random.Generator) -> Columns:
    """Columns of the k best of every row, best first.

    Parameters
    ----------
    scores
        (n_rows, n_items); minus infinity comes last.
    k
        How many; more than n_items is n_items.
    rng
        Draws the order of equal scores only.

    Returns
    -------
    (n_rows, min(k, n_items)) int64

    Examples
    --------
    >>> top_k(np.array([[0.1, 0.3, 0.2]]), 2, np.random.default_rng(0))
    array([[1, 2]])

    """
    n_rows, n = scores.shape
    k = min(k, n)
    if k == 0 or n_rows == 0:
        return np.zeros((n_rows, k), dtype=np.int64)
    rows = np.arange(n_rows)[:, None]
    best = (
        np.argpartition(scores, n - k, axis=1)[:, n - k :]
        if k < n
        else np.tile(np.arange(n), (n_rows, 1))
    )
    value = scores[rows, best]  # (n_rows, k) unsorted
    inner = np.argsort(-value, axis=1)
    best, value = best[rows, inner], value[rows, inner]
    tied = (value[:, 1:] == value[:, :-1]).any(axis=1)  # equals inside
    if k < n:
        tied |= (scores >= value[:, -1:]).sum(axis=1) > k  # equals at the edge
    for row in np.flatnonzero(tied):
        best[row] = _exact(scores[row], k, rng)
    return best.astype(np.int64, copy=False)


def first_of_equals(scores: Floats, keys: Floats) -> Columns:
    """Column of the largest score of every row, the largest key among equals, (n_rows,); both
    (n_rows, n_items).
    """
    largest = scores.max(axis=1, keepdims=True)
    return np.asarray(np.where(scores == largest, keys, -1.0).argmax(axis=1), dtype=np.int64)


def _exact(scores: Floats, k: int, rng: np.random.Generator) -> Columns:
    edge = np.partition(scores, scores.size - k)[scores.size - k]
    reach = np.flatnonzero(scores >= edge)  # every item that some tie-break puts into the top k
    order = np.lexsort((rng.random(reach.size), -scores[reach]))
    return np.asarray(reach[order[:k]], dtype=np.int64)
