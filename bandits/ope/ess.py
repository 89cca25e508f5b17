"""How much a weighted log is worth, and the refusal to judge when that is too little.

    n_eff = (sum_i w_i)^2 / sum_i w_i^2

as many unweighted rows would give the same variance, if rewards and weights were unrelated (Kish
1965, Survey Sampling). A target that differs much from the logging policy leaves a large log with
few effective rows.

How many rewards that gives is n_eff times the share of rewarded rows, in the part of the log that
is not judged: weights do not know rewards, and neither does anything else that decides. A rule that
reads the judged rows' own rewards answers where they were lucky, and what it answers is too high on
average (too low, if it counts them with their weights).

Rows needed grow in proportion: n_eff and the number of rewarded rows are both proportional to n; a
width is to 1 / sqrt(n).
"""

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from bandits.ope.log import F64, I64, Log, reward_of


class TooLittleData(ValueError):
    """The log is too small, or too unlike the target, to say anything: why, and how many rows would
    do.

    Attributes
    ----------
    reason : str
        What fell short, with the numbers.
    rows, rows_needed : int
        Rows that there are; about how many there would have to be, drawn by the same logging
        policy.
    """

    def __init__(self, reason: str, rows: int, rows_needed: int) -> None:
        """Compose the message of reason and numbers."""
        super().__init__(f"{reason}; {rows:,} rows, about {rows_needed:,} would be needed")
        self.reason, self.rows, self.rows_needed = reason, rows, rows_needed


class Limits(NamedTuple):
    """When to refuse. See docs/evaluation.md for the coverage measured at these limits."""

    # effective rows; below, one or two rows decide the estimate and the interval misleads
    min_ess: float = 100.0
    # effective rows x share of rewarded ones; below, intervals hold the truth less often than they
    # say
    min_rewarded: float = 5.0
    # half the interval over the estimate; 0.1: only answers good to 10%
    max_relative_width: float = math.inf
    max_weight_bias: float = 5.0  # standard errors between the average weight and 1


class Expected(NamedTuple):
    """What rows of the kind pay, as the part that is not judged says.

    Attributes
    ----------
    share, share_of_slates
        Of rows, and of slates, with a reward; at least one, since one more might have been the
        first.
    mean, spread
        Of the reward of a row: average and standard deviation.
    """

    share: float
    share_of_slates: float
    mean: float
    spread: float


def expected_rewards(train: Log, reward: str = "click") -> Expected:
    """Return what to expect of the rows to be judged, from rows (n,) that are not."""
    paid = reward_of(train, reward)  # (n,)
    slate = np.unique(train.slate, return_inverse=True)[1]  # (n,)
    slates = np.bincount(slate, weights=paid != 0) > 0  # (m,)
    return Expected(
        max(int((paid != 0).sum()), 1) / paid.size,
        max(int(slates.sum()), 1) / slates.size,
        float(paid.mean()),
        float(paid.std()),
    )


def effective_rows(weight: F64) -> float:
    """Return n_eff of the weights (n,); 0 when there is none.

    Examples
    --------
    >>> import numpy as np
    >>> effective_rows(np.array([1.0, 1.0, 0.0])), effective_rows(np.array([3.0, 1.0]))
    (2.0, 1.6)
    """
    squares = float((weight**2).sum())
    return float(weight.sum()) ** 2 / squares if squares > 0 else 0.0


def check_amount(weight: F64, share: float, limits: Limits) -> None:
    """Refuse when there are too few effective rows, or too few rewards to be expected of them.

    Parameters
    ----------
    weight
        (n,) of the rows (or slates) to be judged.
    share
        Of such rows with a reward, known from others.
    limits
        When to refuse.

    Raises
    ------
    TooLittleData
        With the larger of the two needs.
    """
    rows, ess = weight.size, effective_rows(weight)
    if ess < limits.min_ess:
        reason = (
            f"the log has {ess:.1f} effective rows for this policy, expected at least "
            f"{limits.min_ess:g}"
        )
        raise TooLittleData(reason, rows, math.ceil(rows * limits.min_ess / max(ess, 1.0)))
    if share * ess < limits.min_rewarded:
        reason = (
            f"the log has {share * ess:.1f} effective rewards for this policy, expected at least "
            f"{limits.min_rewarded:g}"
        )
        raise TooLittleData(reason, rows, math.ceil(rows * limits.min_rewarded / (share * ess)))


def average_weight(weight: F64, slate: I64 | None = None) -> tuple[float, float]:
    """Return the average of the weights (n,) and its standard error over slates (n,), whose rows
    depend on each other; None: every row is one of its own.
    """
    if slate is None:
        return float(weight.mean()), float(weight.std()) / math.sqrt(weight.size)
    mean = float(weight.mean())
    off = np.bincount(slate, weights=weight - mean)  # (m,)
    return mean, math.sqrt(float((off**2).sum())) / weight.size


def check_weights(weight: F64, limits: Limits, slate: I64 | None = None) -> None:
    """Refuse when the weights do not average 1, as they must when propensities are right and cover
    the target.

    Raises
    ------
    TooLittleData
        The average is off by more than `max_weight_bias` standard errors: the logging policy does
        not show what the target wants, or the propensities are not those of the policy that chose.
    """
    mean, error = average_weight(weight, slate)
    if abs(mean - 1) > max(limits.max_weight_bias * error, 1e-6):
        reason = (
            f"the weights average {mean:.3g} instead of 1 "
            f"({abs(mean - 1) / max(error, 1e-12):.1f} standard errors): the "
            "logging policy hardly shows what this policy wants, or the propensities are not its "
            "own"
        )
        raise TooLittleData(reason, weight.size, math.ceil(weight.size / max(mean, 1e-6)))


def check_width(
    ess: float, expected: Expected, confidence: float, rows: int, limits: Limits
) -> None:
    """Refuse when half the interval is expected to be more than `max_relative_width` of the
    estimate: z spread / sqrt(n_eff) against the mean.

    Raises
    ------
    TooLittleData
        With the rows that would make the interval narrow enough.
    """
    if math.isinf(limits.max_relative_width):
        return
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    half = z * expected.spread / math.sqrt(max(ess, 1.0))
    wanted = limits.max_relative_width * abs(expected.mean)
    if half > wanted:
        ratio = half / abs(expected.mean) if expected.mean else math.inf
        reason = (
            f"the interval would be {ratio:.0%} of the estimate to each side, expected at most "
            f"{limits.max_relative_width:.0%}"
        )
        raise TooLittleData(reason, rows, rows_for_width(half, wanted, rows))


def rows_for_width(half: float, wanted: float, rows: int) -> int:
    """Return how many rows make a half-width of `half` at `rows` rows shrink to `wanted`: n (half /
    wanted)^2.
    """
    return math.ceil(rows * (half / wanted) ** 2) if wanted > 0 else 2**62
