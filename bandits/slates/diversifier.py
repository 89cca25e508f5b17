"""What a diversity method is: a state over many slates at once, a term per item, and an update when
an item is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

Vectors = NDArray[np.float32]
State = tuple[Floats, ...]


class Diversifier(NamedTuple):
    """One method; all functions are pure.

    Attributes
    ----------
    start
        `start(n_rows, n_items, k) -> state` of slates that hold nothing yet.
    term
        `term(state) -> (n_rows, n_items)`, at most 0: what an item loses by resembling those taken.
    take
        `take(state, similarity, columns, place) -> state` after `columns` (n_rows,) went to
        `place`; `similarity` (n_rows, n_items) is the cosine of every item to the one just taken.

    """

    start: Callable[[int, int, int], State]
    term: Callable[[State], Floats]
    take: Callable[[State, Floats, NDArray[np.int64], int], State]


def similarity_to(vectors: Vectors, columns: NDArray[np.int64]) -> Floats:
    """Cosine of every item to the taken one, per row, (n_rows, n_items); 1 to itself, 0 where a
    vector is missing.

    Parameters
    ----------
    vectors
        (n_rows, n_items, d), unit rows or zero.
    columns
        (n_rows,) the item taken.

    """
    rows = np.arange(columns.size)
    cosine: Floats = np.matmul(vectors, vectors[rows, columns][:, :, None])[:, :, 0].astype(
        np.float64
    )
    cosine[rows, columns] = 1.0
    return cosine
