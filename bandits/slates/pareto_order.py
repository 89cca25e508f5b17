"""Pareto order: items that no other item beats in every signal come first, then those beaten by the
first only, ...

    front(a) = 1 + largest front among the items that dominate a
    score(a) = 1/2 + atan(sum_i w_i x_i) / pi - front(a)

b dominates a if it is at least as good in every signal and better in one. Within a front the
weighted sum decides; the arc tangent keeps it within (0, 1), so that it never carries an item into
another front. Weights steer only inside a front: no weight lets a dominated item pass one that
dominates it. Wrong tool with many signals, where nearly every item is non-dominated and the
weighted sum alone decides. Deb, Pratap, Agarwal & Meyarivan (2002), A fast and elitist
multiobjective genetic algorithm: NSGA-II.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.signals import Combined, Signals, weighted_sum

# Items that others are first compared with. One with `depth` dominators among them is never needed;
# more references find more of those and cost as much each.
N_REFERENCES = 64
# The best by weighted sum that are compared with each other, if the references leave more: all
# pairs of 100,000 items would take 10^10 steps. Beyond it items share the last front.
LONGEST_PREFIX = 2048


def pareto(signals: Signals, depth: int, rng: np.random.Generator) -> Combined:
    """Order by front; exact in the first `depth` places while no draw has more than
    `LONGEST_PREFIX` items with fewer than `depth` dominators among the references.
    """
    sums = weighted_sum(signals)  # (n_draws, n_items)
    n_draws, n_items = sums.shape
    stacked = np.stack(
        [np.broadcast_to(value, (n_draws, n_items)) for value in signals.values], axis=2
    )
    front = np.empty((n_draws, n_items))
    for row in range(n_draws):
        front[row] = fronts_of_best(stacked[row], sums[row], depth)
    return Combined(0.5 + np.arctan(sums) / np.pi - front, {"front": front})


def fronts_of_best(points: Floats, sums: Floats, depth: int) -> NDArray[np.int64]:
    """Fronts as far as the first `depth` places need them; the other items share the next one,
    (n_items,).

    An item that dominates another has the larger sum, and what dominates a kept item is kept: an
    item dominated by a dropped one has that one's dominators too.
    """
    n_items = sums.size
    best = np.argsort(-sums, kind="stable")
    references = points[best[: max(N_REFERENCES, 2 * depth)]]  # (n_references, n_signals)
    above = dominance(references, points).sum(axis=0)  # (n_items,)
    kept = best[above[best] < depth][:LONGEST_PREFIX]
    inside = fronts(points[kept], depth)
    front = np.full(n_items, inside.max(initial=0) + 1, dtype=np.int64)
    front[kept] = inside
    return front


def dominance(a: Floats, b: Floats) -> NDArray[np.bool_]:
    """[i, j]: point a_i is at least as good as b_j in every coordinate and better in one, (n_a,
    n_b).
    """
    at_least = np.ones((len(a), len(b)), dtype=np.bool_)
    better = np.zeros((len(a), len(b)), dtype=np.bool_)
    for x, y in zip(a.T, b.T, strict=True):
        at_least &= x[:, None] >= y[None, :]
        better |= x[:, None] > y[None, :]
    return at_least & better


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
    dominates = dominance(points, points)  # (n_items, n_items)
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
