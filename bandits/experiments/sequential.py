"""Intervals that hold at every look, however often one looks and whenever one stops.

    half-width = se sqrt(2 (t r + 1) / (t r) log(sqrt(t r + 1) / alpha)),  t slates so far
    r = (-2 log alpha + log(1 - 2 log alpha)) / t*                    narrowest at t* slates

asymptotic confidence sequences: Waudby-Smith, Arbour, Sinha, Kennedy & Ramdas (2021), Time-uniform
central limit theory and asymptotic confidence sequences, theorem 2.2 and equation 24. They are some
1.6 times as wide as an interval for one look.

Not promised: anything before the mean is nearly normal, so there is none before `FIRST` slates; and
what users do must not change in time, or each look is right for the users so far.
"""

from __future__ import annotations

from math import log, sqrt

NARROWEST = 20_000.0
FIRST = 500.0


def factor(slates: float, alpha: float = 0.05) -> float:
    """Half-width in standard errors after so many slates; infinite before `FIRST`.

    Examples
    --------
    >>> round(factor(20_000), 2)
    3.04

    """
    if slates < FIRST:
        return float("inf")
    r = (-2 * log(alpha) + log(1 - 2 * log(alpha))) / NARROWEST
    tr = slates * r
    return sqrt(2 * (tr + 1) / tr * log(sqrt(tr + 1) / alpha))
