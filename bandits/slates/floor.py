"""The exploration floor: a share of slates is a uniformly random one, so that everything that may
be shown has a known propensity above zero.

    slate    with probability 1 - e by the policy file, with probability e uniformly random
    p(a, j)  = (1 - e) p_policy(a, j) + e p_random(a, j)
    p_random(a, j) = 1 / n                                    without limits, n eligible items
                   = share of rows with class(a) at j / |class(a)|       under limits

Under limits a random order is filled place by place (`bandits.slates.composition`); items of one
class (the same category, counted by the same limits) are interchangeable there, so a row is kept
as the classes of its places, and served with random items of these classes. That is the exact
probability given the rows. Diversity is a wish and no limit: random slates leave it out.

Not promised: support under limits of a class that no row holds at a place. A floor of e costs e of
what the policy earns above random, for ever. An eligible item is shown at least e k / n times a
request, so with probability 1 - d within n log(1 / d) / (e k) requests. Owen & Zhou (2000), Safe
and Effective Importance Sampling (a mixture with a wide component bounds the weights: here by
1 / (e p_random)).
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


class Floor(NamedTuple):
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


def make_floor(limits: Limits | None, eligible: Items, k: int, rng: np.random.Generator) -> Floor:
    """Random slates of the eligible items, at most k long.

    Parameters
    ----------
    limits
        Over all items of the segment, or None.
    eligible
        (n,) int64 without repeats.
    k
        Places asked for.
    rng
        Draws the rows.

    """
    k = min(k, eligible.size)
    if limits is None or k == 0:
        alike = np.zeros(eligible.size, dtype=np.int64)
        return Floor(eligible, k, alike, np.array([eligible.size]), np.zeros((1, k), np.int64))
    own = limits.of(eligible)
    category = np.zeros(eligible.size, np.int32) if own.category is None else own.category
    sides = np.vstack([category[None], own.member])  # (1 + n_limits, n)
    _, kind, size = np.unique(sides, axis=1, return_inverse=True, return_counts=True)
    kind = kind.reshape(-1).astype(np.int64)
    n_rows = int(np.clip(BUDGET // eligible.size, 32, ROWS))
    columns = choose(rng.random((n_rows, eligible.size)), k, rng, limits=own).columns
    return Floor(eligible, k, kind, size.astype(np.int64), kind[columns])


def random_slate(floor: Floor, rng: np.random.Generator) -> Items:
    """One random slate, (k,) items."""
    row = floor.rows[int(rng.integers(floor.rows.shape[0]))]  # (k,)
    out = np.empty(floor.k, dtype=np.int64)
    for one in np.unique(row):
        places = np.flatnonzero(row == one)
        members = floor.items if floor.size.size == 1 else floor.items[floor.kind == one]
        out[places] = rng.choice(members, size=places.size, replace=False)
    return out


def of_random(floor: Floor, items: Items) -> Floats:
    """Probability that a random slate holds each item at its place, (k,); items are eligible.

    Examples
    --------
    >>> floor = make_floor(None, np.arange(4), 2, np.random.default_rng(0))
    >>> of_random(floor, np.array([3, 1]))
    array([0.25, 0.25])

    """
    if floor.size.size == 1:
        return np.full(items.size, 1 / max(floor.items.size, 1))
    order = np.argsort(floor.items, kind="stable")
    kind = floor.kind[order[np.searchsorted(floor.items[order], items)]]  # (k,)
    share = (floor.rows[:, : items.size] == kind).mean(axis=0)  # (k,)
    return np.asarray(share / floor.size[kind], dtype=np.float64)
