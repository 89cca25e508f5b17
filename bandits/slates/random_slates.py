"""Uniformly random slates of one eligible set, and the probability of every item at every place
of them: one of the two kinds of the exploration floor (`bandits.slates.floor`).

    p_random(a, j) = 1 / n                                    without limits, n eligible items
                   = share of rows with class(a) at j / |class(a)|       under limits

Under limits a random order is filled place by place (`bandits.slates.composition`); items of one
class (the same category, counted by the same limits) are interchangeable there, so a row is kept
as the classes of its places, and served with random items of these classes. That is the exact
probability given the rows. Diversity is a wish and no limit: random slates leave it out.

Not promised: support under limits of a class that no row holds at a place.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.composition import choose
from bandits.slates.constraints import Limits

Items = NDArray[np.int64]

# Random rows kept under limits: as many as there are draws by default; a class at a place is then
# known to a fraction of itself that no estimate sees, and the share *is* the probability anyway.
ROWS = 512
# Random numbers that the rows may cost, as for pools.
BUDGET = 1 << 18


class RandomSlates(NamedTuple):
    """Random slates of one eligible set.

    Attributes
    ----------
    items
        (n,) int64 eligible.
    k
        Places filled, at most n.
    kind
        (n,) class of every item.
    size
        (n_classes,) items of every class.
    rows
        (n_rows, k) classes of the places; one row of zeros without limits.

    """

    items: Items
    k: int
    kind: Items
    size: Items
    rows: Items


def random_slates(
    limits: Limits | None, eligible: Items, k: int, rng: np.random.Generator
) -> RandomSlates:
    """Random slates of the eligible items, at most k long.

    Parameters
    ----------
    limits
        Over all items of the segment, or None.
    eligible
        (n,) int64 ascending, without repeats.
    k
        Places asked for.
    rng
        Draws the rows.

    """
    k = min(k, eligible.size)
    if limits is None or k == 0:
        alike = np.zeros(eligible.size, dtype=np.int64)
        everything, one = np.array([eligible.size]), np.zeros((1, k), np.int64)
        return RandomSlates(eligible, k, alike, everything, one)
    own = limits.of(eligible)
    category = np.zeros(eligible.size, np.int32) if own.category is None else own.category
    sides = np.vstack([category[None], own.member])  # (1 + n_limits, n)
    _, kind, size = np.unique(sides, axis=1, return_inverse=True, return_counts=True)
    kind = kind.reshape(-1).astype(np.int64)
    n_rows = int(np.clip(BUDGET // eligible.size, 32, ROWS))
    columns = choose(rng.random((n_rows, eligible.size)), k, rng, limits=own).columns
    return RandomSlates(eligible, k, kind, size.astype(np.int64), kind[columns])


def random_slate(slates: RandomSlates, rng: np.random.Generator) -> Items:
    """One random slate, (k,) items."""
    row = slates.rows[int(rng.integers(slates.rows.shape[0]))]  # (k,)
    out = np.empty(slates.k, dtype=np.int64)
    for one in np.unique(row):
        places = np.flatnonzero(row == one)
        members = slates.items if slates.size.size == 1 else slates.items[slates.kind == one]
        out[places] = rng.choice(members, size=places.size, replace=False)
    return out


def of_random(slates: RandomSlates, items: Items) -> Floats:
    """Probability that a random slate holds items at their places, (..., k) like `items`, all of
    them eligible.

    Examples
    --------
    >>> slates = random_slates(None, np.arange(4), 2, np.random.default_rng(0))
    >>> of_random(slates, np.array([3, 1]))
    array([0.25, 0.25])

    """
    if slates.size.size == 1:
        return np.full(items.shape, 1 / max(slates.items.size, 1))
    kind = slates.kind[np.searchsorted(slates.items, items)]  # (..., k)
    n_rows, k = slates.rows.shape
    cell = slates.rows * k + np.arange(k)  # (n_rows, k)
    count = np.bincount(cell.ravel(), minlength=slates.size.size * k).reshape(-1, k)
    share = count[kind, np.arange(k)] / n_rows  # (..., k)
    return np.asarray(share / slates.size[kind], dtype=np.float64)
