"""From scores to slates: the best k of every draw, or a greedy choice under diversity and limits.

    plain     the k largest scores, equals in random order
    greedy    place by place: argmax over the allowed items of score + diversity term

An item is allowed while no limit that counts it is full; while a floor is open, only its members
are. So floors are chosen for first, when caps still leave them room, and the slate is then ordered
by score: a floor costs the lowest places. Where nothing is allowed, caps give way. Diversity looks
at the `depth` best items of a draw, plus those that a choice without diversity takes, so that a
choice within the limits is always at hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.constraints import Limits
from bandits.slates.diversifier import Diversifier, Vectors, similarity_to
from bandits.slates.top_k import Columns, first_of_equals, top_k


class Choice(NamedTuple):
    """Slates of many draws, each (n_draws, min(k, n_items)): columns int64, their final scores, the
    diversity terms.
    """

    columns: Columns
    score: Floats
    diversity: Floats


def choose(
    score: Floats,
    k: int,
    rng: np.random.Generator,
    *,
    limits: Limits | None = None,
    diversifier: Diversifier | None = None,
    vectors: Vectors | None = None,
    depth: int = 0,
) -> Choice:
    """Choose one slate per draw.

    Parameters
    ----------
    score
        (n_draws, n_items).
    k
        Places; at most n_items are filled.
    rng
        Draws the order of equal scores.
    limits
        Over the same items, or None.
    diversifier, vectors, depth
        The method, (n_items, d) unit rows, and how many of a draw's best items it looks at; ignored
        without vectors.

    """
    n_draws, n_items = score.shape
    k = min(k, n_items)
    rows = np.arange(n_draws)[:, None]
    if diversifier is not None and vectors is not None and k > 0:
        first = choose(score, k, rng, limits=limits).columns  # (n_draws, k)
        rest = top_k(score, max(depth, k), rng)  # (n_draws, depth)
        again = (rest[:, :, None] == first[:, None, :]).any(axis=2)  # (n_draws, depth)
        seen = np.concatenate([first, rest], axis=1)  # (n_draws, k + depth)
        barred = np.concatenate([np.zeros(first.shape, dtype=np.bool_), again], axis=1)
        base = score[rows, seen]
        columns, term = _greedy(base, seen, barred, k, rng, limits, diversifier, vectors[seen])
    elif limits is not None:
        everything = np.broadcast_to(np.arange(n_items), score.shape)
        barred = np.zeros(score.shape, dtype=np.bool_)
        columns, term = _greedy(score, everything, barred, k, rng, limits, None, None)
    else:
        columns = top_k(score, k, rng)
        term = np.zeros(columns.shape)
    return Choice(columns, score[rows, columns] + term, term)


def _greedy(
    score: Floats,
    seen: Columns,
    barred: NDArray[np.bool_],
    k: int,
    rng: np.random.Generator,
    limits: Limits | None,
    diversifier: Diversifier | None,
    vectors: Vectors | None,
) -> tuple[Columns, Floats]:
    """Choose place by place among the columns `seen` (n_draws, n_seen); returns columns and terms,
    (n_draws, k).
    """
    n_draws, n_seen = score.shape
    rows = np.arange(n_draws)
    keys = rng.random(score.shape)  # order of equals
    free = ~barred
    room = None if limits is None else _Room(limits, seen, free)
    state = None if diversifier is None else diversifier.start(n_draws, n_seen, k)
    chosen = np.empty((n_draws, k), dtype=np.int64)
    terms = np.zeros((n_draws, k))
    finals = np.empty((n_draws, k))
    for place in range(k):
        total = score if diversifier is None or state is None else score + diversifier.term(state)
        allowed = free if room is None else room.allowed(free)
        # (n_draws,)
        pick = first_of_equals(np.where(allowed, total, -np.inf), np.where(allowed, keys, -1.0))
        chosen[:, place] = seen[rows, pick]
        free[rows, pick] = False
        if diversifier is not None and state is not None and vectors is not None:
            terms[:, place] = (total - score)[rows, pick]
            if place < k - 1:
                state = diversifier.take(state, similarity_to(vectors, pick), pick, place)
        finals[:, place] = total[rows, pick]
        if room is not None:
            room.take(rows, pick)
    if room is not None and room.least.any():
        order = np.lexsort((rng.random(finals.shape), -finals), axis=1)  # (n_draws, k)
        chosen, terms = (
            np.take_along_axis(chosen, order, axis=1),
            np.take_along_axis(terms, order, axis=1),
        )
    return chosen, terms


class _Room:
    """How much of every limit is used, in slates that are being filled; one row per draw."""

    def __init__(self, limits: Limits, seen: Columns, free: NDArray[np.bool_]) -> None:
        # (n_draws, n_seen)
        self.category = None if limits.category is None else limits.category[seen]
        self.per_category = limits.per_category
        self.same = np.zeros(seen.shape, dtype=np.int64)  # taken of the item's own category
        self.member = limits.member[:, seen]  # (n_limits, n_draws, n_seen)
        self.most = np.asarray(limits.most, dtype=np.int64)[:, None]  # (n_limits, 1)
        # A floor asks for no more members than there are.
        self.least = np.minimum(
            np.asarray(limits.least, dtype=np.int64)[:, None], (self.member & free).sum(axis=2)
        )
        self.taken = np.zeros(self.member.shape[:2], dtype=np.int64)  # (n_limits, n_draws)

    def allowed(self, free: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Items that may take the next place, (n_draws, n_seen)."""
        full: NDArray[np.bool_] = np.greater_equal(self.taken, self.most)  # (n_limits, n_draws)
        allowed = free & ~(self.member & full[:, :, None]).any(axis=0)
        if self.category is not None:
            allowed &= (self.category < 0) | (self.same < self.per_category)
        need = np.maximum(self.least - self.taken, 0)  # (n_limits, n_draws)
        if need.any():
            wanted = allowed & (self.member & np.greater(need, 0)[:, :, None]).any(axis=0)
            allowed = np.where(np.any(wanted, axis=1, keepdims=True), wanted, allowed)
        return np.where(np.any(allowed, axis=1, keepdims=True), allowed, free)

    def take(self, rows: Columns, pick: Columns) -> None:
        """Note the item taken in every row."""
        self.taken += self.member[:, rows, pick]
        if self.category is not None:
            self.same += self.category == self.category[rows, pick][:, None]
