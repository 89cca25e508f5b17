"""What an estimator returns: per slate, the parts of one or more ratios whose sum is the estimate.

    V = sum_t  sum_i numerator[i, t] / sum_i denominator[i, t]        i: slates, t: ratios (mostly
    one)

An average has denominator 1 (or the rows of the slate), a self-normalised estimator has its weights
there. Writing every estimator this way gives each of them the same intervals: slates are the
independent units, so they are what is resampled.

To first order, slate i moves V by

    influence[i] = sum_t (numerator[i, t] - R_t denominator[i, t]) / mean_i denominator[i, t],
    R_t the t-th ratio

(Efron & Tibshirani 1993, An Introduction to the Bootstrap, ch. 21-22; Cochran 1977, Sampling
Techniques, ch. 6 for ratios).
"""

from typing import NamedTuple, TypeVar

import numpy as np

from bandits.ope.log import F64, I64

A = TypeVar("A", F64, I64)


class Terms(NamedTuple):
    """Numerators and denominators per slate, both (m, t); and by how much V may be too low for a
    reason that slates drawn again do not show.
    """

    numerator: F64
    denominator: F64
    above: float = 0.0


class Sample(NamedTuple):
    """A log seen by one policy under test: what every estimator reads. Arrays are (n,), one entry
    per row of the log.

    Fields that an estimator needs and that could not be had are None; it then raises
    `EstimatorError`.
    """

    reward: F64
    slate: I64  # 0 .. m - 1
    position: I64
    weight: F64  # target / logging probability of the logged item at its position
    matched: F64 | None = None  # 1 where the item that the target drew is the logged one
    q_logged: F64 | None = None  # modelled reward of the logged item
    q_target: F64 | None = None  # modelled reward expected under the target
    # target / logging probability of the logged item and all above it
    prefix_weight: F64 | None = None
    # modelled reward of this slot and all below, given the logged item
    q_rest_logged: F64 | None = None
    q_rest_target: F64 | None = None  # the same, expected under the target given the items above
    # target / average policy of the log, of the logged item at its position
    balanced: F64 | None = None
    segment: I64 | None = None
    item: I64 | None = None


class EstimatorError(ValueError):
    """The estimator needs something that this log or this policy does not have."""


def per_slate(rows: F64, slate: I64) -> F64:
    """Sum `rows` (n,) over the rows of each slate; (m, 1)."""
    return np.bincount(slate, weights=rows).astype(np.float64)[:, None]


def per_slate_and_position(rows: F64, slate: I64, position: I64) -> F64:
    """Sum `rows` (n,) over slates, positions kept apart; (m, n_positions)."""
    n_positions = int(position.max()) + 1
    flat = np.bincount(
        slate * n_positions + position, weights=rows, minlength=(int(slate.max()) + 1) * n_positions
    )
    return flat.astype(np.float64).reshape(-1, n_positions)


def value(terms: Terms) -> float:
    """Return V; NaN when a denominator sums to zero (no weight at all: nothing can be said)."""
    # (t,), (t,)
    numerator, denominator = terms.numerator.sum(axis=0), terms.denominator.sum(axis=0)
    if (denominator == 0).any():
        return float("nan")
    return float((numerator / denominator).sum())


def influence(terms: Terms) -> F64:
    """Return what each slate adds to V to first order; (m,), sums to 0."""
    denominator = terms.denominator.mean(axis=0)  # (t,)
    ratio = terms.numerator.mean(axis=0) / denominator  # (t,)
    result: F64 = ((terms.numerator - ratio * terms.denominator) / denominator).sum(axis=1)
    return result


def needed(field: A | None, name: str, remedy: str) -> A:
    """Return `field`, or raise `EstimatorError` that says what is missing and how to get it."""
    if field is None:
        msg = f"expected {name} in the sample, found none; {remedy}"
        raise EstimatorError(msg)
    return field
