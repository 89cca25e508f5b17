"""The law of a policy's slates: how likely each item is at each place, and in the slate at all.

    P(a, j) = share of equally likely slates with item a at place j          drawn
            = 1 / |equals of a| at the places that a's group of equals fills  tied
    H(a)    = sum_j P(a, j)

Of any item, not just of what was drawn: what a random slot or slate shows is mostly such that the
policy puts it nowhere, and now and then such that it does (`bandits.slates.floor`).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.pool import SlatePool

Items = NDArray[np.int64]


class Law(NamedTuple):
    """How likely a policy shows what.

    Attributes
    ----------
    names
        (m,) int64 items that may be shown at all, ascending.
    at
        (m, k) probability of each at each place.
    rows
        (n_rows, k) equally likely slates; None where ties decide.

    """

    names: Items
    at: Floats
    rows: Items | None

    @property
    def k(self) -> int:
        """Places."""
        return int(self.at.shape[1])

    def of(self, items: Items) -> tuple[Floats, Floats]:
        """P of items at their places and H, both (..., k) like `items`."""
        if not self.names.size:
            return np.zeros(items.shape), np.zeros(items.shape)
        index = np.minimum(np.searchsorted(self.names, items), self.names.size - 1)
        known = self.names[index] == items
        at = np.where(known, self.at[index, np.arange(self.k)], 0.0)
        return at, np.where(known, self.at.sum(axis=1)[index], 0.0)


class DrawnLaw(NamedTuple):
    """The same of slates that are the k best of each of n draws.

    Attributes
    ----------
    items
        (s,) int64 ascending: all that may be shown.
    score
        (s, n) of each in each draw, no two equal as float32 where they count.
    tops
        (k, n) float32 the k largest of each draw, largest first.

    """

    items: Items
    score: Floats
    tops: NDArray[np.float32]

    @property
    def k(self) -> int:
        """Places."""
        return int(self.tops.shape[0])

    def of(self, items: Items) -> tuple[Floats, Floats]:
        """P of items (k,) at their places, and H."""
        index = np.minimum(self.items.searchsorted(items), self.items.size - 1)
        known = self.items.take(index) == items
        at, inside = self.of_columns(index)
        return at * known, inside * known

    def of_columns(self, columns: Items) -> tuple[Floats, Floats]:
        """The same of those that stand there in `items`."""
        own = self.score.take(columns, axis=0).astype(np.float32)  # (k, n)
        part = np.full(own.shape[1], 1 / own.shape[1])  # (n,) of a draw
        return (own == self.tops).dot(part), (own >= self.tops[-1]).dot(part)


def law_of_rows(rows: Items) -> Law:
    """Law of equally likely slates, (n_rows, k).

    Examples
    --------
    >>> law = law_of_rows(np.array([[3, 1], [1, 3], [3, 2], [3, 1]]))
    >>> law.of(np.array([3, 1]))
    (array([0.75, 0.5 ]), array([1.  , 0.75]))

    """
    n_rows, k = rows.shape
    names, column = np.unique(rows, return_inverse=True)
    cell = column.reshape(rows.shape) * k + np.arange(k)  # (n_rows, k)
    count = np.bincount(cell.ravel(), minlength=names.size * k)
    return Law(names, count.reshape(names.size, k) / max(n_rows, 1), rows)


def law_of_pool(pool: SlatePool, k: int) -> Law:
    """Law of a pool's slates of k places, or fewer where the pool has fewer items."""
    if pool.fixed_score is None:
        return law_of_rows(pool.items[pool.columns[:, :k]])
    k = min(k, pool.items.size)
    order = np.argsort(pool.items)
    score = pool.fixed_score[order]  # (m,)
    ascending = np.sort(score)
    above = score.size - np.searchsorted(ascending, score, side="right")  # (m,) better ones
    through = score.size - np.searchsorted(ascending, score, side="left")  # and equals
    reach = np.flatnonzero(above < k)
    above, through = above[reach, None], through[reach, None]
    place = np.arange(k)
    inside = (above <= place) & (place < through)  # (m, k)
    return Law(pool.items[order][reach], np.where(inside, 1 / (through - above), 0.0), None)
