"""Intervals over users: what another sample of as many users could have said.

    mean* = mean of n values drawn with replacement, many times;  [its 2.5%, its 97.5%]

For the difference of two encoders the values are each user's own difference (paired): users differ
far more among each other than encoders do on one user.

Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13 (percentile intervals).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

ROUNDS = 2_000  # of the bootstrap: the ends of the interval then vary by a fortieth of its width
LEVEL = 0.95


class Interval(NamedTuple):
    """A mean with the ends of its interval."""

    mean: float
    low: float
    high: float


def mean_interval(values: NDArray[np.float64], rng: np.random.Generator) -> Interval:
    """The mean of values (n_users,) with its interval; NaN stands for a user without a value.

    Raises
    ------
    ValueError
        No user has a value.

    """
    known = values[~np.isnan(values)]  # (n,)
    if not len(known):
        msg = "expected at least one user with a value, found none"
        raise ValueError(msg)
    means = known[rng.integers(len(known), size=(ROUNDS, len(known)))].mean(axis=1)  # (ROUNDS,)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(known.mean()), float(low), float(high))
