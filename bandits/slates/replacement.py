"""What may stand for an item of a slate under limits, counted for many slates at once.

    may(b | S, i)   category of b: that of s_i, none, or one that S has room for
                    each limit:    S with b for s_i holds at most `most` and at least `least` of its
                                   members, or as many as S holds
    |A(S, i)|       = k + items outside S that may stand for s_i

Items count by class: their category, and the limits that count them (their pattern). Only
categories in S can be full, so the number of items that may is a sum over patterns, less those of
S's full categories.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.constraints import Limits

Columns = NDArray[np.int64]
Mask = NDArray[np.bool_]


class Replacement(NamedTuple):
    """Room in slates (n_rows, k).

    Attributes
    ----------
    size
        (n_rows, k) |A(S, i)|, items of the slate included.
    inside
        (n_rows, k, k) whether the item at place j might stand for that at i if it were outside.
    category, full
        (n_rows, k) of the slates' items: category, and whether it has no room left.
    fits
        (n_rows, k, n_patterns) whether the limits let an item of the pattern stand for that at i.
    pattern
        (n,) pattern of every item.

    """

    size: Floats
    inside: Mask
    category: NDArray[np.int32]
    full: Mask
    fits: Mask
    pattern: Columns

    def of_class(self, limits: Limits, columns: Columns) -> Floats:
        """E[may(b | S, i) / |A(S, i)|] of items b at places i, (..., k) like `columns`."""
        category = _categories(limits, columns)  # (..., k)
        pattern = self.pattern[columns]
        kinds, index = np.unique(
            np.stack([category.ravel(), pattern.ravel()]), axis=1, return_inverse=True
        )
        table = np.empty((kinds.shape[1], self.size.shape[1]))
        for kind, (of, fit) in enumerate(kinds.T.tolist()):
            crowded = ((self.category == of) & self.full).any(axis=1)[:, None]  # (n_rows, 1)
            may = self.fits[:, :, fit] & (~crowded | (self.category == of))
            table[kind] = (may / self.size).mean(axis=0)
        places = np.arange(self.size.shape[1])
        return np.asarray(table[index.reshape(columns.shape), places], dtype=np.float64)


def replacement(limits: Limits, columns: Columns) -> Replacement:
    """Count the room in slates.

    Parameters
    ----------
    limits
        Over (n,) items.
    columns
        (n_rows, k) items of the slates.

    """
    k = columns.shape[1]
    n = limits.member.shape[1]
    patterns, pattern = np.unique(limits.member, axis=1, return_inverse=True)
    pattern = pattern.reshape(-1) if limits.member.size else np.zeros(n, dtype=np.int64)
    patterns = patterns if limits.member.size else np.zeros((0, 1), dtype=np.bool_)
    fits = np.stack(
        [_fits(limits, columns, own) for own in patterns.T], axis=2
    )  # (n_rows, k, n_patterns)
    category = _categories(limits, columns)
    alike = category[:, :, None] == category[:, None, :]  # (n_rows, k, k)
    full = (category >= 0) & (alike.sum(axis=2) >= limits.per_category)
    everybody = np.bincount(pattern, minlength=patterns.shape[1]).astype(np.float64)
    allowed = np.broadcast_to(everybody, fits.shape).copy()  # (n_rows, k, n_patterns)
    if limits.category is not None and full.any():
        known = limits.category >= 0
        held = np.zeros((int(limits.category.max(initial=-1)) + 1, patterns.shape[1]))
        np.add.at(held, (limits.category[known], pattern[known]), 1.0)
        own = np.where(full[:, :, None], held[np.maximum(category, 0)], 0.0)
        first = ~(alike & np.tri(k, k=-1, dtype=np.bool_)).any(axis=2)  # (n_rows, k)
        allowed += own - (own * first[:, :, None]).sum(axis=1, keepdims=True)
    inside = alike | ~full[:, None, :]  # (n_rows, k of i, k of j)
    inside &= np.take_along_axis(fits, pattern[columns][:, None, :].repeat(k, axis=1), axis=2)
    size = k + (fits * allowed).sum(axis=2) - inside.sum(axis=2)
    return Replacement(size, inside, category, full, fits, pattern)


def replaceable(limits: Limits, slate: Columns, place: int) -> Mask:
    """A(S, place) of one slate (k,): which of the (n,) items may stand there."""
    n = limits.member.shape[1]
    allowed = np.ones(n, dtype=np.bool_)
    for row, member in enumerate(limits.member):
        change = member.astype(np.int64) - int(member[slate[place]])  # (n,)
        allowed &= _within(limits, row, int(member[slate].sum()), change)
    if limits.category is not None:
        own = limits.category[slate]  # (k,)
        names, count = np.unique(own[own >= 0], return_counts=True)
        full = names[(count >= limits.per_category) & (names != own[place])]
        allowed &= ~np.isin(limits.category, full)
    allowed[slate] = True
    return allowed


def _fits(limits: Limits, columns: Columns, pattern: Mask) -> Mask:
    """Whether an item of this pattern (n_limits,) may stand for each of the slates' items."""
    fits = np.ones(columns.shape, dtype=np.bool_)
    for row, member in enumerate(limits.member):
        own = member[columns]  # (n_rows, k)
        change = int(pattern[row]) - own.astype(np.int64)
        fits &= _within(limits, row, own.sum(axis=1, keepdims=True), change)
    return fits


def _within(limits: Limits, row: int, held: Columns | int, change: Columns) -> Mask:
    after = held + change
    within = (change == 0) | ((change > 0) & (after <= limits.most[row]))
    return np.asarray(within | ((change < 0) & (after >= limits.least[row])), dtype=np.bool_)


def _categories(limits: Limits, columns: Columns) -> NDArray[np.int32]:
    if limits.category is None:
        return np.full(columns.shape, -1, dtype=np.int32)
    return limits.category[columns]
