"""Draws above a level: of n draws of every arm only those that pass it, at the price of one tail
probability an arm.

    p_a = P(theta_a > t_a),   theta_a ~ Beta(alpha_a, beta_a)
    c_a ~ Binomial(n, p_a)                             how many of n draws pass
    rows: c_a of the n at random, without repeats      which ones
    theta = 1 - Q(u p_a; beta_a, alpha_a), u uniform   their values, Q the quantile of 1 - theta

so that rows, columns and values have the law of n full draws looked at above t. Most items of a
long tail pass once in a thousand draws: drawing all of them all the time is what makes draws
scarce, and scarce draws are what keeps new items from being shown. Devroye (1986), Non-Uniform
Random Variate Generation, section II.2 (inversion, truncated distributions).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.special import beta_cdf, beta_quantile


class Exceedances(NamedTuple):
    """Draws that pass: row and column of each, and its value; (n_passed,) each."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int64]
    values: Floats


def tail(alpha: Floats, beta: Floats, level: Floats) -> Floats:
    """P(theta > level), (n_items,); 1 at levels below 0."""
    return beta_cdf(1 - level, beta, alpha)


def exceedances(
    alpha: Floats, beta: Floats, p: Floats, n: int, rng: np.random.Generator
) -> Exceedances:
    """Draw what passes.

    Parameters
    ----------
    alpha, beta
        (n_items,) of the posterior.
    p
        (n_items,) probability that a draw passes its level, from `tail`; small: an item that passes
        in most draws is drawn faster as it is.
    n
        Draws of every item.
    rng
        All the randomness.

    """
    count = rng.binomial(n, p)  # (n_items,)
    columns = np.repeat(np.arange(count.size), count)  # (n_passed,)
    rows = rng.integers(n, size=columns.size)
    while True:  # subtle: repeats drawn again until there are none leave every set equally likely
        order = np.lexsort((rows, columns))
        repeat = np.zeros(rows.size, dtype=np.bool_)
        repeat[order[1:]] = (np.diff(rows[order]) == 0) & (np.diff(columns[order]) == 0)
        if not repeat.any():
            break
        rows[repeat] = rng.integers(n, size=int(repeat.sum()))
    above = np.clip(rng.random(rows.size) * p[columns], 1e-300, 1.0)  # (n_passed,) P(theta > value)
    return Exceedances(rows, columns, 1 - beta_quantile(above, beta[columns], alpha[columns]))
