"""Segment groups: which context fields are worth serving apart by. Segments that agree in these are
one group: their counts are added up, and they share slates.

    a field is worth it    alone: its effects are likelier than none (`field_effects`), or
                           together: the pairs of its values with another field's are, beyond what
                           both say alone, by `PAIR_GAIN` nats; the best pair is taken in first
    group                  segments with the same values of the fields worth it; a segment that no
                           fields make is a group of its own

A field that is not worth it splits counts and says nothing: without it a group has the looks of all
its combinations. Where nothing is known yet, nothing is worth it and all are one group; fields come
in as the counts show them. Asked again when looks have grown by `AGAIN`.

Not promised: what three fields say only together is not looked for. Breiman, Friedman, Olshen &
Stone (1984), Classification and Regression Trees (splits by what the counts gain); Pinheiro & Bates
(2000), Mixed-Effects Models in S and S-PLUS, section 2.4.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.counts import SUMS, Counts
from bandits.learning.field_fit import Ints, fit_fields
from bandits.learning.item_sample import item_sample
from bandits.learning.segment_fields import UNKNOWN

# nats; of 28 pairs of eight fields that say nothing one passes in some 50 fits
PAIR_GAIN = 8.0
AGAIN = 1.25
# cells with looks that fields are judged by, of a sample of items: a pass over them takes 1 ms
LARGEST = 300_000


class Splits(NamedTuple):
    """Which fields are worth it, and why.

    Attributes
    ----------
    apart
        (n_fields,) whether segments are served apart by the field.
    clicks, gains
        (n_fields,) strength of its effects, infinity for none, and the nats by which they are
        likelier than none.
    pairs
        (field, field, nats) of pairs that say more together.
    looks
        That it was learned from.

    """

    apart: tuple[bool, ...]
    clicks: Floats
    gains: Floats
    pairs: tuple[tuple[int, int, float], ...]
    looks: float


class Groups(NamedTuple):
    """Segments by group.

    Attributes
    ----------
    splits
        What they agree in.
    of
        (n_segments,) the group of each.
    codes
        (n_groups, n_fields) values of the fields worth it, -1 elsewhere.
    first
        (n_groups,) one segment of each.
    numbers
        The group by its codes, of those that fields make.

    """

    splits: Splits
    of: Ints
    codes: Ints
    first: Ints
    numbers: dict[tuple[int, ...], int]

    def find(self, codes: Sequence[int]) -> int | None:
        """Group of a segment without counts by the values of its fields; None is a new one."""
        return self.numbers.get(
            tuple(
                code if apart else UNKNOWN
                for code, apart in zip(codes, self.splits.apart, strict=True)
            )
        )


def find_splits(looks: Floats, hits: Floats, mean: Floats, clicks: Floats, codes: Ints) -> Splits:
    """Fields that are worth it; arguments as of `fit_effects`."""
    n_looks = float(looks.sum())
    n_cells = np.count_nonzero(looks)
    if n_cells > LARGEST:
        most = max(1, LARGEST * looks.shape[1] // n_cells)
        items = item_sample(np.flatnonzero(looks.any(axis=0)), most)
        looks, hits, mean, clicks = looks[:, items], hits[:, items], mean[items], clicks[items]
    fit = fit_fields(looks, hits, mean, clicks, codes)
    pairs: list[tuple[int, int, float]] = []
    left = list(combinations(range(codes.shape[1]), 2))
    while left:  # the best pair first: one that only goes with it says nothing then
        best, at = max(((fit.pair(f, g), (f, g)) for f, g in left), key=lambda each: each[0].gain)
        if best.gain < PAIR_GAIN:
            break
        pairs.append((*at, best.gain))
        left.remove(at)
        fit = fit.with_pair(best)
    apart = np.isfinite(fit.clicks())
    for f, g, _ in pairs:
        apart[[f, g]] = True
    return Splits(tuple(apart.tolist()), fit.clicks(), fit.gains(), tuple(pairs), n_looks)


def group(codes: Ints, splits: Splits) -> Groups:
    """Segments (n_segments, n_fields) by what they agree in."""
    made = (codes >= 0).any(axis=1)  # (n_segments,)
    kept = np.where(np.array(splits.apart)[None, :], codes, UNKNOWN)
    own = np.where(made, -1, np.arange(len(codes)))  # a name of its own
    keys, first, of = np.unique(
        np.column_stack([kept, own]), axis=0, return_index=True, return_inverse=True
    )
    numbers = {tuple(key[:-1]): number for number, key in enumerate(keys.tolist()) if key[-1] < 0}
    return Groups(splits, of.ravel(), keys[:, :-1], first, numbers)


def add_up(counts: Counts, groups: Groups) -> Counts:
    """Counts (n_groups, n_items); the same where every segment is a group."""
    n_groups = len(groups.codes)
    if n_groups == len(groups.of):
        order = groups.first
        return counts if (order == np.arange(n_groups)).all() else _each(counts, order, None)
    order = np.argsort(groups.of, kind="stable")
    starts = np.searchsorted(groups.of[order], np.arange(n_groups))
    return _each(counts, order, starts)


def _each(counts: Counts, order: Ints, starts: Ints | None) -> Counts:
    def summed(array: Floats) -> Floats:
        rows = array[order]
        return rows if starts is None else np.add.reduceat(rows, starts, axis=0)

    a, b, c, d, e, f = (summed(getattr(counts, name)) for name in SUMS)
    return Counts(a, b, c, d, e, f, tuple(_each(copy, order, starts) for copy in counts.recent))
