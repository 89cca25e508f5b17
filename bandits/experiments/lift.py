"""A variant against another one, on the scale of ratios.

    lift = m / m0 - 1,  var log(m / m0) = var m / m^2 + var m0 / m0^2           (the delta method)
    low, high = exp(log(m / m0) -+ q se) - 1

q is Student's quantile at the degrees of freedom of Welch and Satterthwaite, or what holds at every
look (`sequential`), widened as t widens the normal. The logarithm keeps the interval above -100%
and as good for halves as for doubles.
"""

from __future__ import annotations

from math import exp, log, sqrt
from typing import NamedTuple

from bandits.experiments.ratio import Mean
from bandits.experiments.sequential import factor
from bandits.experiments.tails import PLENTY, f_tail, t_quantile

CONFIDENCE = 0.95


class Interval(NamedTuple):
    """An estimate, and what it may be with 95%."""

    estimate: float
    low: float
    high: float


class Lift(NamedTuple):
    """Relative difference with its interval, and the probability of as large a one by chance, of
    one look; None in an interval that holds at every look.
    """

    lift: float
    low: float
    high: float
    p: float | None


def width(dof: float, slates: float, sequential: bool, confidence: float = CONFIDENCE) -> float:
    """Half-width in standard errors."""
    t = t_quantile(confidence, dof)
    if not sequential:
        return t
    return factor(slates, 1 - confidence) * t / t_quantile(confidence, PLENTY)


def interval(of: Mean, slates: float, sequential: bool = False) -> Interval | None:
    """Of a mean; None where nothing is known of its spread."""
    if of.dof <= 0:
        return None
    half = width(of.dof, slates, sequential) * sqrt(of.variance)
    return Interval(of.mean, of.mean - half, of.mean + half)


def lift(of: Mean, against: Mean, slates: float, sequential: bool = False) -> Lift | None:
    """Of one mean against another, after so many slates of both; None where one of them is not
    above 0 or not known.
    """
    if of.dof <= 0 or against.dof <= 0 or of.mean <= 0 or against.mean <= 0:
        return None
    parts = of.variance / of.mean**2, against.variance / against.mean**2
    variance = sum(parts)
    if variance <= 0:
        return None
    dof = variance**2 / (parts[0] ** 2 / of.dof + parts[1] ** 2 / against.dof)
    middle, se = log(of.mean / against.mean), sqrt(variance)
    half = width(dof, slates, sequential) * se
    p = None if sequential else f_tail((middle / se) ** 2, 1.0, dof)
    return Lift(exp(middle) - 1, _bounded(middle - half), _bounded(middle + half), p)


def _bounded(at: float) -> float:
    """exp(at) - 1, finite: an interval that says nothing ends at a million times."""
    return exp(min(at, log(1e6))) - 1
