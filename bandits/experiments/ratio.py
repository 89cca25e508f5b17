"""Means of ratio metrics, and how well they are known.

    m = sum_u x_u / sum_u n_u                   u: slates, or groups of users
    var m = U / (U - 1) sum_u (x_u - m n_u)^2 / (sum_u n_u)^2

the delta method (Deng, Knoblich & Lu, 2018, Applying the Delta Method in Metric Analytics). A user
has one variant, so his slates are not independent: users are the unit of what is said of variants.
Users dealt into groups at random are as good, whatever a user does within his group, and need no
memory of each user: groups cost degrees of freedom only (Chamandy, Muralidharan, Najmi & Naidu,
2012, Estimating Uncertainty for Massive Data Streams). Slates as units give narrower intervals,
which are right where users come once.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Mean(NamedTuple):
    """A mean, its variance, the degrees of freedom of that, and n, its denominators' sum."""

    mean: float
    variance: float
    dof: float
    n: float


NOTHING = Mean(float("nan"), float("nan"), 0.0, 0.0)


def of_groups(x: Floats, n: Floats) -> Mean:
    """From sums of groups of users, (n_groups,) each; groups without a denominator say nothing.

    Examples
    --------
    >>> of_groups(np.array([1.0, 3.0]), np.array([10.0, 10.0]))[:3]
    (0.2, 0.01, 1.0)

    """
    there = n > 0
    x, n = x[there], n[there]
    units, total = x.size, float(n.sum())
    if units < 2:
        return NOTHING
    mean = float(x.sum()) / total
    squares = float(((x - mean * n) ** 2).sum())
    return Mean(mean, units / (units - 1) * squares / total**2, units - 1.0, total)


def of_slates(units: float, x: float, n: float, x_sq: float, n_sq: float, x_n: float) -> Mean:
    """From sums over slates: how many, of x and n, of their squares and products."""
    if units < 2 or n <= 0:
        return NOTHING
    mean = x / n
    squares = max(0.0, x_sq - 2 * mean * x_n + mean**2 * n_sq)
    return Mean(mean, units / (units - 1) * squares / n**2, units - 1.0, n)
