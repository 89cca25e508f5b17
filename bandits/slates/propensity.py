"""Propensities: the probability that the policy which really chose puts the item where it is.

    drawn       p(a, j) = share of the snapshot's draws with item a at place j
    no draw     p(a, j) = 1 / |equals of a| for the places that a's group of equal scores fills,
                else 0

A slate is one of the snapshot's draws, taken uniformly, so the share *is* the probability given the
snapshot, whatever combination, diversity and limits made it: nothing is estimated, and what is
shown has at least 1 / draws. Without draws the tie-break is all the randomness, in closed form.

Not promised: support. Given one snapshot, an item that no draw put at a place has probability 0
there, so a log keeps its inverse-propensity sums only up to events rarer than 1 / draws in every
snapshot; over snapshots, each with draws of its own, the logged value of such an event is too small
by a factor of at least (1 - p)^draws in expectation. Raise `draws`, or log with `random` (closed
form, full support), where rare events matter.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.slates.top_k import Columns


class TieDraw(NamedTuple):
    """Slates that differ in tie-breaks only: columns and propensities, (n_slates, k)."""

    columns: Columns
    propensity: Floats


def of_draws(columns: Columns, n_items: int) -> Floats:
    """Share of draws that have the same item at the same place, (n_draws, k).

    Parameters
    ----------
    columns
        (n_draws, k), the item at every place of every draw.
    n_items
        Columns there are.

    Examples
    --------
    >>> of_draws(np.array([[0], [0], [1], [0]]), 2)[:, 0]
    array([0.75, 0.75, 0.25, 0.75])

    """
    n_draws, k = columns.shape
    cell = columns + np.arange(k) * n_items  # (n_draws, k)
    share = np.bincount(cell.ravel(), minlength=k * n_items) / max(n_draws, 1)  # (k * n_items,)
    return np.asarray(share[cell], dtype=np.float64)


def of_filtered(columns: Columns, row: int) -> Floats:
    """Share of draws that have, place by place, the item that `row` has, (k,)."""
    return np.asarray((columns == columns[row]).mean(axis=0), dtype=np.float64)


def draw_ties(score: Floats, k: int, n_slates: int, rng: np.random.Generator) -> TieDraw:
    """Slates of fixed scores: the k largest, equals in random order, with the probability of every
    place.

    Parameters
    ----------
    score
        (n_items,).
    k, n_slates
        Places, at most n_items, and slates to draw.
    rng
        Draws the order of equals.

    """
    k = min(k, score.size)
    if k == 0:
        return TieDraw(np.zeros((n_slates, 0), dtype=np.int64), np.zeros((n_slates, 0)))
    edge = np.partition(score, score.size - k)[score.size - k]
    reach = np.flatnonzero(score >= edge)  # items that some tie-break shows
    # groups of equals, best first
    _, group, size = np.unique(-score[reach], return_inverse=True, return_counts=True)
    # subtle: group number plus a uniform key sorts by group first and at random inside it, for all
    # slates at once.
    keys = group + rng.random((n_slates, reach.size))  # (n_slates, n_reach)
    if k < reach.size:
        part = np.argpartition(keys, k - 1, axis=1)[:, :k]
        keys = np.take_along_axis(keys, part, axis=1)
        order = np.take_along_axis(part, np.argsort(keys, axis=1), axis=1)
    else:
        order = np.argsort(keys, axis=1)
    return TieDraw(reach[order].astype(np.int64), 1.0 / size[group[order]])
