"""Draws kept for a snapshot: each item is drawn once, the first time that a request of its own
needs it.

Requests with candidates, exclusions or a user have eligible sets of their own, but the same arms.
Draw r of an item is part of the same joint draw r of all items, so pools of different sets may
share it: each serves one of its rows, and its propensities are shares of those rows.

Draws stand item by item, in the order in which they were asked for, so memory follows what is asked
for and a list of candidates is some whole rows.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats, Policy

# Numbers that one table may keep: 2^23 are 64 MiB. What is asked for beyond begins a new one.
MOST_KEPT = 1 << 23
FIRST_ROWS = 1024

Items = NDArray[np.int64]


class SampleCache(NamedTuple):
    """Draws by item; a cache.

    Attributes
    ----------
    row
        (n_items,) row of each item, -1 where it was not drawn.
    values
        (n_rows, n_draws); rows from `used` on are free.
    low, high
        (n_rows,) smallest and largest draw of each row.
    used
        Rows that are taken.

    """

    row: Items
    values: Floats
    low: Floats
    high: Floats
    used: int


Kept = dict[Hashable, SampleCache]


def kept_rows(
    kept: Kept,
    table: Hashable,
    n_items: int,
    items: Items,
    most: int,
    make: Callable[[Items], Floats],
) -> tuple[SampleCache, Items]:
    """Draws of some items and the rows that they stand in, (n_some,); those that are missing are
    made.

    Parameters
    ----------
    kept, table
        The snapshot's tables, and which one; grows.
    n_items, items
        Items there are, and (n_some,) int64, at most `MOST_KEPT // most`, without repeats.
    most
        Draws to keep of every item.
    make
        Draws items not drawn before, (n_missing, most).

    """
    own = kept.get(table)
    if own is None:
        own = kept[table] = _empty(n_items, most)
    rows = own.row[items]  # (n_some,)
    if not np.count_nonzero(rows < 0):
        return own, rows
    missing = items[rows < 0]
    if (own.used + missing.size) * most > MOST_KEPT:
        own, missing = _empty(n_items, most), items
    own = _with_room(own, missing.size)
    new = slice(own.used, own.used + missing.size)
    own.values[new] = made = make(missing)
    own.low[new], own.high[new] = made.min(axis=1), made.max(axis=1)
    own.row[missing] = np.arange(new.start, new.stop)
    own = kept[table] = own._replace(used=new.stop)
    return own, own.row[items]


def kept_draws(
    kept: Kept,
    policy: Policy,
    arms: ArmView,
    items: Items,
    n: int,
    most: int,
    rng: np.random.Generator,
) -> Floats:
    """Draws of some items, from the kept ones where they are, (n, n_some).

    Parameters
    ----------
    kept
        The snapshot's tables; the policy's grows.
    policy
        One that scores an item by its own counts (`bandits.slates.segment.ITEMWISE`).
    arms, items
        The segment, and (n_some,) int64 without repeats; so many that a table of them would be full
        are drawn anew.
    n, most
        Draws wanted, and draws to keep of every item; n is at most that.
    rng
        Draws for items not drawn before.

    """
    if items.size * most > MOST_KEPT:
        return policy.draws(of_items(arms, items), rng, n)

    def make(missing: Items) -> Floats:
        return policy.draws(of_items(arms, missing), rng, most).T

    own, rows = kept_rows(kept, policy.name, arms.prior_mean.size, items, most, make)
    return np.ascontiguousarray(own.values[rows, :n].T)


def _empty(n_items: int, most: int) -> SampleCache:
    none = np.zeros(0)
    return SampleCache(np.full(n_items, -1), np.zeros((0, most)), none, none, 0)


def _with_room(own: SampleCache, n_more: int) -> SampleCache:
    """Room for so many rows more; twice as much as before, so that growing costs little."""
    there = own.low.size
    if own.used + n_more <= there:
        return own
    size = max(own.used + n_more, 2 * there, FIRST_ROWS)
    values = np.empty((size, own.values.shape[1]))
    low, high = np.empty(size), np.empty(size)
    for new, old in ((values, own.values), (low, own.low), (high, own.high)):
        new[: own.used] = old[: own.used]
    return own._replace(values=values, low=low, high=high)


def of_items(arms: ArmView, items: Items) -> ArmView:
    """Look at some items of the same segment; `total` stays the segment's."""
    some: dict[str, Any] = {
        name: array[items]
        for name, array in arms._asdict().items()
        if isinstance(array, np.ndarray) and array.shape[:1] == arms.prior_mean.shape
    }
    return arms._replace(**some)
