"""One random slot: a slate of the policy in which one place, any of them, goes to a uniformly
random eligible item; the other of the two kinds of the exploration floor (`bandits.slates.floor`).

    S   a slate of the policy, j one of its k places, a one of the items A(S, j), all uniformly
    a in S      a and s_j trade places: an item stands once
    else        a stands at j, and s_j is out

    A(S, j) = S and every item that may stand for s_j: no limit is broken that S respects
    p(b, i) = 1/k E[ 1{b in A_i} / |A_i| ]                                 place i is the random one
            + 1/k E[ 1{s_i = b} sum_j (1 - 1/|A_j|) + sum_j 1{s_j = b} / |A_j| ],  j != i
            = 1/k ( 1/n + (k - 1)(1 - 1/n) P(b, i) + (H(b) - P(b, i)) / n )   without limits

with P and H of the policy (`bandits.slates.law`); the expectation is over its draws, which are all
the slates there are, so it is exact. Trading places leaves every limit as it is, since limits count
items and no places. So the best item is at the last place now and then too, and every p(b, i) is at
least 1 / (k n) without limits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.constraints import Limits
from bandits.slates.law import DrawnLaw, Law
from bandits.slates.replacement import Replacement, replaceable, replacement

Items = NDArray[np.int64]


class RandomSlot(NamedTuple):
    """Slates with one random slot.

    Attributes
    ----------
    items
        (n,) int64 eligible, ascending.
    limits
        Over them, or None.
    law
        Of the policy's slates.
    room
        Under limits: what may stand for what.
    table
        Under limits: (m, k) probability of the items that the law names, over what any item of
        their class has.

    """

    items: Items
    limits: Limits | None
    law: Law | DrawnLaw
    room: Replacement | None
    table: Floats | None


def random_slot(limits: Limits | None, eligible: Items, law: Law | DrawnLaw) -> RandomSlot:
    """Random slots in slates of a law.

    Parameters
    ----------
    limits
        Over all items of the segment, or None.
    eligible
        (n,) int64 ascending, without repeats.
    law
        Of slates of these items; under limits, of rows.

    """
    if limits is None or isinstance(law, DrawnLaw) or law.rows is None or law.k == 0:
        return RandomSlot(eligible, None, law, None, None)
    own = limits.of(eligible)
    columns = np.searchsorted(eligible, law.rows)  # (n_rows, k)
    room = replacement(own, columns)
    n_rows, k = columns.shape
    part = 1 / room.size  # (n_rows, k), 1 / |A_j|
    stays = (1 - part).sum(axis=1, keepdims=True) - (1 - part)  # (n_rows, k) sum over j != i
    name = np.searchsorted(law.names, law.rows)  # (n_rows, k)
    table = np.zeros((law.names.size, k))
    # what only trading places lets in: item s_j at place i
    barred = np.where(room.inside, 0.0, 1.0) * part[:, :, None]  # (n_rows, k of i, k of j)
    for i in range(k):
        np.add.at(table[:, i], name, barred[:, i])
        np.add.at(table[:, i], name[:, i], stays[:, i] - part[:, i])
    moved = np.bincount(name.ravel(), weights=part.ravel(), minlength=law.names.size)
    return RandomSlot(eligible, own, law, room, (table + moved[:, None]) / (n_rows * k))


def with_slot(slot: RandomSlot, slate: Items, rng: np.random.Generator) -> tuple[Items, int, int]:
    """Put a random item into a slate (k,).

    Returns
    -------
    Places of the old slate in the order of the new one (k,), -1 where the random item is new;
    the random place; the random item.

    """
    k = slate.size
    place = int(rng.integers(k))
    if slot.limits is None:
        item = int(slot.items[rng.integers(slot.items.size)])
    else:
        allowed = replaceable(slot.limits, np.searchsorted(slot.items, slate), place)  # (n,)
        item = int(slot.items[rng.choice(np.flatnonzero(allowed))])
    source = np.arange(k)
    there = np.flatnonzero(slate == item)
    if there.size:
        source[there[0]], source[place] = place, there[0]
    else:
        source[place] = -1
    return source, place, item


def of_slot(slot: RandomSlot, items: Items, at: Floats, inside: Floats) -> Floats:
    """Probability of items at their places in a slate with one random slot, (..., k) like `items`;
    `at` and `inside` are P and H of the slot's law for them.

    Examples
    --------
    Two items, two places, the policy always says (0, 1): one half of the random items changes
    nothing, the other trades places.

    >>> from bandits.slates.law import law_of_rows
    >>> law, items = law_of_rows(np.array([[0, 1]])), np.array([1, 1])
    >>> of_slot(random_slot(None, np.arange(2), law), items, *law.of(items))
    array([0.5, 0.5])

    """
    law, n = slot.law, max(slot.items.size, 1)
    k = max(law.k, 1)
    if slot.limits is None or slot.room is None or slot.table is None or isinstance(law, DrawnLaw):
        return slot_chance(k, n, at, inside)
    columns = np.searchsorted(slot.items, items)  # (..., k)
    base = slot.room.of_class(slot.limits, columns) / k
    index = np.minimum(np.searchsorted(law.names, items), law.names.size - 1)
    own = slot.table[index, np.arange(k)]
    return np.asarray(base + np.where(law.names[index] == items, own, 0.0), dtype=np.float64)


def slot_chance(k: int, n: int, at: Floats, inside: Floats) -> Floats:
    """The same without limits, of n eligible items: the sum above, put together by P and H."""
    return np.asarray(1 / (k * n) + ((k - 1) / k - 1 / n) * at + inside / (k * n))
