"""Screening: leave out the items that cannot reach the top k, before anything is drawn for them.

    P(theta >= x) <= exp(-N kl(mu, x)) for x > mu,   P(theta <= x) <= the same for x < mu,   theta ~
    Beta(mu N, (1-mu) N)

so each item has bounds low and high that its draw leaves with probability at most delta each. With
L the k-th largest low, an item whose high is below L cannot be among the first k unless a draw left
its bounds:

    P(screened top k differs from the full one, per draw) <= (n + k) delta = `ERROR_PER_DRAW` / 2.

The other half is for the second screening, by the draws of the best items
(`bandits.slates.sampling`).

The Chernoff bound follows from theta = G_a / (G_a + G_b) with independent Gamma variables,
optimised over the exponent. It is inverted in closed form with kl(p, q) >= (p - q)^2 / (2 max(p,
q)), and the same for 1 - p and 1 - q: looser by a little at rates of a few percent, and one pass
over the items. Not promised: the bound is for one draw; over N draws multiply by N. Boucheron,
Lugosi & Massart (2013), Concentration Inequalities, section 2.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats, posterior

# At 512 draws a snapshot, one snapshot in 20,000 misses an item in one of its draws: far below the
# error of any estimate made of the propensities. Ten times smaller keeps about 3% more items.
ERROR_PER_DRAW = 1e-7


class Bounds(NamedTuple):
    """Bounds of one random score per item, each (n_items,): outside with probability at most delta
    on each side.
    """

    low: Floats
    high: Floats


def beta_bounds(arms: ArmView, delta: float, *, sharpness: float = 1.0) -> Bounds:
    """Bounds of a Thompson draw, (n_items,) each; a smaller delta is wider."""
    alpha, beta = posterior(arms)  # (n_items,)
    return beta_tail_bounds(alpha * sharpness, beta * sharpness, delta)


def beta_tail_bounds(alpha: Floats, beta: Floats, delta: float) -> Bounds:
    """Bounds that Beta(alpha, beta) leaves with probability at most delta on each side.

    Raises
    ------
    ValueError
        If delta is not in (0, 1).

    """
    if not 0 < delta < 1:
        message = f"delta must be a probability above 0 and below 1, found {delta}"
        raise ValueError(message)
    worth = alpha + beta  # N, (n_items,)
    mu = alpha / worth  # (n_items,)
    c = math.log(1 / delta) / worth  # (n_items,)
    up = c + np.sqrt(c * c + 2 * c * mu)  # solves (x - mu)^2 / (2 x) = c
    up_failure = np.sqrt(2 * c * (1 - mu))  # solves (x - mu)^2 / (2 (1 - mu)) = c
    down_failure = c + np.sqrt(c * c + 2 * c * (1 - mu))
    down = np.sqrt(2 * c * mu)
    return Bounds(
        low=np.maximum(mu - np.minimum(down, down_failure), 0.0),
        high=np.minimum(mu + np.minimum(up, up_failure), 1.0),
    )


# Policies whose draws have bounds, by registry name; others are never screened.
BOUNDS: Mapping[str, Callable[..., Bounds]] = {"thompson": beta_bounds}


def per_side(n_items: int, depth: int, n_random: int = 1) -> float:
    """Probability that one item may leave one bound, so that a draw errs with at most
    `ERROR_PER_DRAW`.

    With several random signals every one of them may err: the budget is shared out.
    """
    return ERROR_PER_DRAW / 2 / (max(n_items, 1) + depth) / max(n_random, 1)


def survivors(low: Floats, high: Floats, depth: int) -> NDArray[np.bool_]:
    """Tell which items can be among the first `depth`: those whose high reaches the depth-th
    largest low, (n_items,).

    Examples
    --------
    >>> survivors(np.array([0.5, 0.1, 0.4]), np.array([0.6, 0.2, 0.45]), 1)
    array([ True, False, False])

    """
    n = low.size
    if depth >= n:
        return np.ones(n, dtype=np.bool_)
    floor = np.partition(low, n - depth)[n - depth]
    return np.asarray(high >= floor, dtype=np.bool_)


def survivors_by_category(
    low: Floats, high: Floats, depth: int, category: NDArray[np.int32], most: int
) -> NDArray[np.bool_]:
    """Tell the same where at most `most` of one category may be chosen, -1 being no category,
    (n_items,).

    The floor is the depth-th largest low when each category counts at most `most` times. subtle:
    those depth items obey the cap, and sets that obey it form a partition matroid, so a greedy
    choice of fewer can always be extended by one of them: an item below the floor is never needed.
    """
    order = np.argsort(-low, kind="stable")  # (n_items,)
    place = place_in_category(category[order])  # (n_items,) 0 for the best of its category
    counted = order[(place < most) | (category[order] < 0)]
    if counted.size < depth:
        return np.ones(low.size, dtype=np.bool_)
    return np.asarray(high >= low[counted[depth - 1]], dtype=np.bool_)


def place_in_category(category: NDArray[np.int32]) -> NDArray[np.int64]:
    """How many earlier items have the same category, (n,).

    Examples
    --------
    >>> place_in_category(np.array([7, 7, 3, 7], dtype=np.int32))
    array([0, 1, 0, 2])

    """
    order = np.argsort(category, kind="stable")  # (n,)
    same = category[order]
    start = (
        np.flatnonzero(np.r_[True, same[1:] != same[:-1]])
        if same.size
        else np.zeros(0, dtype=np.int64)
    )
    length = np.diff(np.r_[start, same.size])
    place = np.empty(category.size, dtype=np.int64)
    place[order] = np.arange(category.size) - np.repeat(start, length)
    return place
