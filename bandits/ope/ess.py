"""How much a weighted log is worth, and the refusal to judge when that is too little.

    n_eff = (sum_i w_i)^2 / sum_i w_i^2

as many unweighted rows would give the same variance, if rewards and weights were unrelated (Kish
1965, Survey Sampling). A target that differs much from the logging policy leaves a large log with
few effective rows.

How many rewards that gives is n_eff times the share of rewarded rows in the log. Counting the
weighted rewards themselves would be sharper and worse: a log is then refused when a click with a
large weight came, and judged when it did not, and what is judged is too low on average.

Rows needed grow in proportion: n_eff and the number of rewarded rows are both proportional to n; a
width is to 1 / sqrt(n).
"""

import math
from typing import NamedTuple

from bandits.ope.log import F64


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


def check_amount(weight: F64, reward: F64, limits: Limits) -> None:
    """Refuse when there are too few effective or rewarded rows.

    Raises
    ------
    TooLittleData
        With the larger of the two needs.
    """
    rows, ess = weight.size, effective_rows(weight)
    seen = int(((weight > 0) & (reward != 0)).sum())
    if ess < limits.min_ess:
        reason = (
            f"the log has {ess:.1f} effective rows for this policy, expected at least "
            f"{limits.min_ess:g}"
        )
        raise TooLittleData(reason, rows, math.ceil(rows * limits.min_ess / max(ess, 1.0)))
    share = max(int((reward != 0).sum()), 1) / rows  # one more row might have had the first reward
    if share * ess < limits.min_rewarded:
        reason = (
            f"the log has {share * ess:.1f} effective rewards for this policy, expected at least "
            f"{limits.min_rewarded:g}"
        )
        raise TooLittleData(reason, rows, math.ceil(rows * limits.min_rewarded / (share * ess)))
    if seen < limits.min_rewarded / 2:
        reason = (
            f"the log has {seen} rewards that this policy could have earned, expected at least "
            f"{limits.min_rewarded / 2:g}"
        )
        raise TooLittleData(reason, rows, math.ceil(rows * limits.min_rewarded / 2 / max(seen, 1)))


def check_weights(weight: F64, limits: Limits) -> None:
    """Refuse when the weights do not average 1, as they must when propensities are right and cover
    the target.

    Raises
    ------
    TooLittleData
        The average is off by more than `max_weight_bias` standard errors: the logging policy does
        not show what the target wants, or the propensities are not those of the policy that chose.
    """
    mean, spread = float(weight.mean()), float(weight.std())
    error = spread / math.sqrt(weight.size)
    if abs(mean - 1) > max(limits.max_weight_bias * error, 1e-6):
        reason = (
            f"the weights average {mean:.3g} instead of 1 "
            f"({abs(mean - 1) / max(error, 1e-12):.1f} standard errors): the "
            "logging policy hardly shows what this policy wants, or the propensities are not its "
            "own"
        )
        raise TooLittleData(reason, weight.size, math.ceil(weight.size / max(mean, 1e-6)))


def check_width(value: float, low: float, high: float, rows: int, limits: Limits) -> None:
    """Refuse when half the interval is more than `max_relative_width` of the estimate.

    Raises
    ------
    TooLittleData
        With the rows that would make the interval narrow enough.
    """
    half = (high - low) / 2
    wanted = limits.max_relative_width * abs(value)
    if half > wanted:
        ratio = half / abs(value) if value else math.inf
        reason = (
            f"the interval is {ratio:.0%} of the estimate to each side, expected at most "
            f"{limits.max_relative_width:.0%}"
        )
        raise TooLittleData(reason, rows, rows_for_width(half, wanted, rows))


def rows_for_width(half: float, wanted: float, rows: int) -> int:
    """Return how many rows make a half-width of `half` at `rows` rows shrink to `wanted`: n (half /
    wanted)^2.
    """
    return math.ceil(rows * (half / wanted) ** 2) if wanted > 0 else 2**62
