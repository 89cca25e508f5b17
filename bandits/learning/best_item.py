"""Probability of being best: how likely each item's rate is the highest of all, by its posterior.

    w_a = P(theta_a > theta_b for every b != a),   theta_a ~ Beta(alpha_a, beta_a), independent

Thompson sampling shows an item first with this probability. Estimated from `draws` joint draws:
its standard error is sqrt(w (1 - w) / draws), at most 0.008 with 4,000. Items that lie too low to
matter are not drawn and have 0.

Wrong tool when items' rates depend on each other, as under a linear policy.
Scott (2010), A modern Bayesian look at the multi-armed bandit, section 2.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

DRAWS = 4000
DEVIATIONS = 6.0  # of an item's posterior: beyond it lies less than one draw in all of them
MOST = 2000  # contenders; a segment nobody knows has as many as items, and each has next to nothing
CELLS = 500_000  # draws times items in memory at a time


def probability_best(
    alpha: Floats,
    beta: Floats,
    eligible: NDArray[np.bool_],
    rng: np.random.Generator,
    draws: int = DRAWS,
) -> Floats:
    """The probability of each item (n_items,), 0 where it is not `eligible`; their sum is 1.

    Parameters
    ----------
    alpha, beta
        Posterior of each item, (n_items,), above 0.
    eligible
        Which items compete, (n_items,).
    rng
        Draws.
    draws
        More are more precise.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = probability_best(np.array([90.0, 10.0]), np.array([10.0, 90.0]),
    ...                          np.array([True, True]), rng)
    >>> found.tolist()
    [1.0, 0.0]
    """
    out = np.zeros(alpha.size)
    total = alpha + beta
    mean = alpha / total  # (n_items,)
    deviation = np.sqrt(mean * (1 - mean) / (total + 1))  # (n_items,)
    high = np.where(eligible, mean + DEVIATIONS * deviation, -np.inf)
    if not eligible.any():
        return out
    low = (mean - DEVIATIONS * deviation)[eligible].max()
    contenders = np.flatnonzero(high >= low)  # (n_contenders,)
    if contenders.size > MOST:
        contenders = np.sort(contenders[np.argpartition(-high[contenders], MOST)[:MOST]])
    wins = np.zeros(contenders.size)
    at_once = max(1, CELLS // contenders.size)
    left = draws
    while left > 0:
        n = min(left, at_once)
        rates = rng.beta(alpha[contenders], beta[contenders], (n, contenders.size))
        wins += np.bincount(rates.argmax(axis=1), minlength=contenders.size)
        left -= n
    out[contenders] = wins / draws
    return out
