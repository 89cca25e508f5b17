"""Confidence intervals for an estimate, from what each slate contributes. Slates are independent,
the rows of one are not.

`normal`     V +- t s / sqrt(m),  s the standard deviation of the influences d (the delta method,
             where V is a ratio).
`bootstrap`  slates drawn again with replacement, V recomputed; the percentiles are corrected for
bias and skew (BCa):
             low = quantile at Phi(z0 + (z0 + z) / (1 - a (z0 + z))),  z0 from the share of
             resamples below V, a = skew / 6. Follows the skew that rare clicks and large weights
             make. Both sides are then widened by t / z.
`bernstein`  V +- sqrt(2 s^2 L / m) + 7 b L / (3 (m - 1)),  L = ln(4 / alpha), contributions within
a range of width b. Holds at
             every m and not just for large m, and so is several times wider. For averages only: not
             for ratios.

t is Student's quantile at f = (sum d^2)^2 / sum d^4 degrees of freedom, z the normal one: as many
equal influences would know the spread as well. With rare clicks a handful of rows is all that the
spread is known from, and intervals that take it for known hold the truth in 85 to 93% of logs
instead of 95; with plenty of clicks t / z is 1. The idea is that of Satterthwaite (1946), who would
have about twice as many degrees; this choice is what measurement asks for (docs/evaluation.md).

All assume that slates are independent of each other and that the logging policy did not change with
the rewards seen so far. Efron (1987), Better Bootstrap Confidence Intervals; Maurer & Pontil
(2009), Empirical Bernstein Bounds and Sample Variance Penalization.
"""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from bandits.learning.special import beta_quantile
from bandits.ope.log import F64
from bandits.ope.terms import EstimatorError, Terms, influence, value

# the 95% limits then wander by about 3% of the width from seed to seed; fewer is faster and rougher
N_RESAMPLES = 2000
CHUNK = 4_000_000  # numbers drawn at once, about 64 MB with the sums; more is not faster
_NORMAL = NormalDist()


def normal(
    terms: Terms, confidence: float, rng: np.random.Generator, width: float
) -> tuple[float, float]:
    """Return the delta-method interval; `rng` and `width` are not used."""
    del rng, width
    half = (
        _NORMAL.inv_cdf(0.5 + confidence / 2) * widening(terms, confidence) * standard_error(terms)
    )
    return value(terms) - half, value(terms) + half


def bootstrap(
    terms: Terms, confidence: float, rng: np.random.Generator, width: float
) -> tuple[float, float]:
    """Return the BCa bootstrap interval over slates; `width` is not used."""
    del width
    estimate, parts = value(terms), influence(terms)  # scalar, (m,)
    if not np.any(np.abs(parts) > 1e-15 * max(1.0, abs(estimate))):
        return estimate, estimate  # every slate says the same: nothing to resample
    replicates = resampled(terms, rng)  # (N_RESAMPLES,)
    # subtle: a resample without any weight says nothing about V
    replicates = replicates[np.isfinite(replicates)]
    below = (replicates < estimate).mean() + 0.5 * (replicates == estimate).mean()
    # within what can be observed
    below = min(max(float(below), 0.5 / replicates.size), 1 - 0.5 / replicates.size)
    bias = _NORMAL.inv_cdf(below)
    acceleration = float((parts**3).sum() / (6 * (parts**2).sum() ** 1.5))
    tail = (1 - confidence) / 2
    levels = [_bca_level(side, bias, acceleration) for side in (tail, 1 - tail)]
    low, high = np.quantile(replicates, levels)
    wider = widening(terms, confidence)
    return estimate - wider * (estimate - float(low)), estimate + wider * (float(high) - estimate)


def bernstein(
    terms: Terms, confidence: float, rng: np.random.Generator, width: float
) -> tuple[float, float]:
    """Return the empirical Bernstein interval for averages whose contributions span at most
    `width`.

    Raises
    ------
    EstimatorError
        The estimate is a ratio (replay, self-normalised estimators): the bound does not hold for
        it.
    """
    del rng
    n_slates = terms.numerator.shape[0]
    if terms.denominator.shape[1] != 1 or np.ptp(terms.denominator) != 0:
        msg = (
            "expected an average over slates, found a ratio; use the normal or the bootstrap "
            "interval for it"
        )
        raise EstimatorError(msg)
    variance = float(np.var(influence(terms), ddof=1))
    log_term = float(np.log(4 / (1 - confidence)))  # two sides, each at half of alpha
    half = np.sqrt(2 * variance * log_term / n_slates) + 7 * width * log_term / (3 * (n_slates - 1))
    return value(terms) - float(half), value(terms) + float(half)


Interval = Callable[[Terms, float, np.random.Generator, float], tuple[float, float]]
INTERVALS: dict[str, Interval] = {
    "normal": normal,
    "bootstrap": bootstrap,
    "bernstein": bernstein,
}


def standard_error(terms: Terms) -> float:
    """Return the standard error of V over slates, to first order."""
    parts = influence(terms)  # (m,)
    return float(np.std(parts, ddof=1) / np.sqrt(parts.size))


def widening(terms: Terms, confidence: float) -> float:
    """Return t / z at the degrees of freedom that the influences leave; at least 1, near it when
    many slates matter.

    t^2 = f (1 / x - 1) where x is the quantile of Beta(f / 2, 1 / 2) at 1 - confidence.
    """
    squares = influence(terms) ** 2  # (m,)
    fourth = float((squares**2).sum())
    if fourth == 0:
        return 1.0
    freedom = max(float(squares.sum()) ** 2 / fourth, 1.0)
    x = float(beta_quantile(np.array(1 - confidence), np.array(freedom / 2), np.array(0.5)))
    return float(np.sqrt(freedom * (1 / x - 1))) / _NORMAL.inv_cdf(0.5 + confidence / 2)


def resampled(terms: Terms, rng: np.random.Generator) -> F64:
    """Return V of `N_RESAMPLES` logs drawn from the slates with replacement; (N_RESAMPLES,).

    Slates that contribute the same numbers are drawn together, by a multinomial count: exact, and
    cheap where rewards are rare (most slates are alike).
    """
    both = np.hstack([terms.numerator, terms.denominator])  # (m, 2 t)
    distinct, count = np.unique(both, axis=0, return_counts=True)  # (u, 2 t), (u,)
    n_slates, n_distinct = both.shape[0], distinct.shape[0]
    sums = np.empty((N_RESAMPLES, both.shape[1]))  # (N_RESAMPLES, 2 t)
    few = n_distinct * 8 < n_slates  # a multinomial count costs about as much as eight single draws
    step = max(1, CHUNK // (n_distinct if few else n_slates))
    for start in range(0, N_RESAMPLES, step):
        size = min(step, N_RESAMPLES - start)
        if few:
            sums[start : start + size] = (
                rng.multinomial(n_slates, count / n_slates, size=size) @ distinct
            )
        else:
            drawn = rng.integers(0, n_slates, size=(size, n_slates))  # (size, m)
            for column in range(both.shape[1]):
                sums[start : start + size, column] = both[:, column][drawn].sum(axis=1)
    n_ratios = terms.numerator.shape[1]
    denominator = sums[:, n_ratios:]
    ratio = np.divide(
        sums[:, :n_ratios],
        denominator,
        out=np.full_like(denominator, np.nan),
        where=denominator != 0,
    )
    result: F64 = ratio.sum(axis=1)
    return result


def _bca_level(tail: float, bias: float, acceleration: float) -> float:
    shifted = bias + _NORMAL.inv_cdf(tail)
    scale = 1 - acceleration * shifted
    if scale <= 0:  # the skew is beyond what the expansion describes: take the outermost resample
        return 0.0 if shifted < 0 else 1.0
    return _NORMAL.cdf(bias + shifted / scale)
