"""Maximal marginal relevance: an item pays for its likeness to the most similar one already in the
slate.

    term_a = - price * max(0, max_{b taken} cos(a, b))

A larger price spreads more; at 0 the order is the score's. Wrong tool when an item is much like
several others without being very like one: only the nearest counts; use `dpp`. Carbonell &
Goldstein (1998), The use of MMR, diversity-based reranking for reordering documents and producing
summaries (their lambda / (1 - lambda) is 1 / price here).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.diversifier import Diversifier, State


def mmr(price: float) -> Diversifier:
    """Make the method; `price` is what an exact copy costs, in units of the score."""

    def start(n_rows: int, n_items: int, k: int) -> State:
        return (np.zeros((n_rows, n_items)),)  # largest similarity to an item taken

    def term(state: State) -> Floats:
        return -price * state[0]

    def take(state: State, similarity: Floats, columns: NDArray[np.int64], place: int) -> State:
        return (np.maximum(state[0], similarity),)

    return Diversifier(start, term, take)
