"""Fast greedy determinantal point process: take the item that adds most volume, relevance and
variety in one.

    L = diag(q) S diag(q),  q_a = exp(score_a / (2 price)),  S_ab = cos(a, b)
    next = argmax_a log det L[taken + a] - log det L[taken] = argmax_a score_a / price + log r_a

with r_a the part of item a's vector that the taken ones do not span (1 at first, 0 for a copy).
Multiplied by the price: score_a + price * log(r_a), so the term is price * log(r_a). r is kept by
one row of a Cholesky factor per item taken: with e_a = (S_ja - c_j . c_a) / sqrt(r_j), c_a grows by
e_a and r_a falls by e_a^2. A larger price spreads more. Wrong tool at vectors of fewer dimensions
than places: after d items nothing adds volume, and the rest of the slate is ordered by score alone
at the floor of r. Chen, Zhang & Zhou (2018), Fast greedy MAP inference for determinantal point
process to improve recommendation diversity; Kulesza & Taskar (2012), Determinantal point processes
for machine learning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.diversifier import Diversifier, State

# Unit vectors are float32: a copy's residual is noise of about 1e-7 squared and more. Below the
# floor items are equally redundant and the score orders them; a larger floor forgives near-copies.
FLOOR = 1e-6


def dpp(price: float) -> Diversifier:
    """Make the method; `price` is how much of the score a factor e of volume is worth."""

    def start(n_rows: int, n_items: int, k: int) -> State:
        # r, rows of the Cholesky factor
        return np.ones((n_rows, n_items)), np.zeros((k, n_rows, n_items))

    def term(state: State) -> Floats:
        return price * np.log(np.maximum(state[0], FLOOR))

    def take(state: State, similarity: Floats, columns: NDArray[np.int64], place: int) -> State:
        r, factor = state
        rows = np.arange(columns.size)
        c_j = factor[:place, rows, columns]  # (place, n_rows)
        r_j = r[rows, columns][:, None]  # (n_rows, 1)
        e = (similarity - np.einsum("pr,pri->ri", c_j, factor[:place])) / np.sqrt(
            np.maximum(r_j, FLOOR)
        )
        # subtle: an item without volume of its own takes none from the others; dividing by its
        # rounding noise would.
        e = np.where(r_j > FLOOR, e, 0.0)  # (n_rows, n_items)
        factor = factor.copy()
        factor[place] = e
        return np.maximum(r - e * e, 0.0), factor

    return Diversifier(start, term, take)
