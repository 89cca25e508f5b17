"""Tails of Student's t, F and chi-square, by the incomplete Beta function.

P(F > x) = I_{d2 / (d2 + d1 x)}(d2 / 2, d1 / 2)          Abramowitz & Stegun (1964), 26.6.2
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from bandits.learning.special import beta_cdf, beta_quantile

# degrees of freedom from which t is the normal and F the chi-square, to five digits
PLENTY = 1e6


def f_tail(x: float, d1: float, d2: float = PLENTY) -> float:
    """P(F > x), d1 and d2 degrees of freedom.

    Examples
    --------
    >>> round(f_tail(4.17, 1, 30), 3)
    0.05

    """
    if not x > 0.0 or d1 <= 0.0 or d2 <= 0.0:
        return 1.0
    at = d2 / (d2 + d1 * x)
    return float(beta_cdf(np.array(at), np.array(d2 / 2), np.array(d1 / 2)))


def t_quantile(confidence: float, dof: float) -> float:
    """Half-width in standard errors of a two-sided interval: the normal's, expanded in 1 / dof
    (Abramowitz & Stegun, 1964, 26.7.5), which is good to 0.3% from 3 degrees on.

    Examples
    --------
    >>> round(t_quantile(0.95, 10), 3)
    2.228

    """
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    if dof < 3:
        at = beta_quantile(np.array(1.0 - confidence), np.array(dof / 2), np.array(0.5))
        return float(np.sqrt(dof * (1.0 / at - 1.0)))
    z3, z5, z7, z9 = (z**power for power in (3, 5, 7, 9))
    terms = (
        (z3 + z) / 4,
        (5 * z5 + 16 * z3 + 3 * z) / 96,
        (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384,
        (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / 92_160,
    )
    return z + sum(term / dof ** (at + 1) for at, term in enumerate(terms))
