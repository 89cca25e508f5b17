"""Pareto order: items that no other item beats in every signal come first, then those beaten by the first only, ...

    front(a) = 1 + largest front among the items that dominate a
    score(a) = 1/2 + atan(sum_i w_i x_i) / pi - front(a)

b dominates a if it is at least as good in every signal and better in one. Within a front the weighted sum decides; the
arc tangent keeps it within (0, 1), so that it never carries an item into another front. Weights steer only inside a
front: no weight lets a dominated item pass one that dominates it. Wrong tool with many signals, where nearly every
item is non-dominated and the weighted sum alone decides. Deb, Pratap, Agarwal & Meyarivan (2002), A fast and elitist
multiobjective genetic algorithm: NSGA-II.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.signals import Combined, Signals, weighted_sum

# The best by weighted sum that are looked at, first and at most. An item that dominates another has the larger sum, so
# fronts within a prefix of that order are exact; the prefix doubles until its first front fills the slate. Beyond the
# longest, items share the last front: comparing all pairs of 100,000 would take 10^10 steps.
FIRST_PREFIX = 256
LONGEST_PREFIX = 2048


def pareto(signals: Signals, depth: int, rng: np.random.Generator) -> Combined:
    """Order by front; exact for the first `depth` places if the first front among the `LONGEST_PREFIX` best fills them,
    or if there are no more items than that.
    """
    sums = weighted_sum(signals)  # (n_draws, n_items)
    n_draws, n_items = sums.shape
    stacked = np.stack([np.broadcast_to(value, (n_draws, n_items)) for value in signals.values], axis=2)
    front = np.empty((n_draws, n_items))
    for row in range(n_draws):
        front[row] = _fronts_of_best(stacked[row], sums[row], depth)
    return Combined(0.5 + np.arctan(sums) / np.pi - front, {"front": front})


def _fronts_of_best(points: Floats, sums: Floats, depth: int) -> NDArray[np.int64]:
    n_items, length = sums.size, FIRST_PREFIX
    best = np.argsort(-sums, kind="stable")[:LONGEST_PREFIX]
    while True:
        prefix = best[:length]
        inside = fronts(points[prefix], depth)
        if length >= min(n_items, LONGEST_PREFIX) or (inside == 1).sum() >= depth:
            break
        length *= 2
    front = np.full(n_items, inside.max(initial=0) + 1, dtype=np.int64)
    front[prefix] = inside
    return front


def fronts(points: Floats, depth: int) -> NDArray[np.int64]:
    """Front of every point from 1, larger coordinates being better, (n_items,).

    Parameters
    ----------
    points
        (n_items, n_signals).
    depth
        Points to place before the rest share one last front.

    Examples
    --------
    >>> fronts(np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [0.0, 0.5]]), 4)
    array([1, 1, 1, 2])

    """
    n_items = points.shape[0]
    at_least = np.ones((n_items, n_items), dtype=np.bool_)  # [b, a]: b at least as good as a everywhere
    better = np.zeros((n_items, n_items), dtype=np.bool_)
    for x in points.T:
        at_least &= x[:, None] >= x[None, :]
        better |= x[:, None] > x[None, :]
    dominates = at_least & better  # (n_items, n_items)
    n_above = dominates.sum(axis=0)  # (n_items,)
    front = np.zeros(n_items, dtype=np.int64)
    number, placed = 0, 0
    while placed < min(depth, n_items):
        number += 1
        current = (n_above == 0) & (front == 0)
        front[current] = number
        placed += int(current.sum())
        n_above = n_above - dominates[current].sum(axis=0)
    front[front == 0] = number + 1
    return front
