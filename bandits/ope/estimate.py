"""What is asked of a log, and what comes out: an estimate with its interval, or a refusal."""

from typing import NamedTuple

from bandits.ope.ess import (
    Limits,
)


class Estimate(NamedTuple):
    """What a policy is judged to earn, per row or per slate as the estimator says, with how sure
    that is.
    """

    policy: str
    estimator: str
    reward: str
    value: float
    low: float
    high: float
    confidence: float
    interval: str
    per: str
    rows: int
    slates: int
    ess: float  # effective rows (slates, matches) of the weights; rows for the direct method
    # near 1 when the propensities are right; NaN where nothing is weighed (replay, direct method)
    mean_weight: float


class Refusal(NamedTuple):
    """Why there is no estimate."""

    policy: str
    estimator: str
    reward: str
    reason: str
    rows: int
    rows_needed: int | None  # None: more rows of this kind would not help


class Question(NamedTuple):
    """What is asked of the log; the defaults suit clicks.

    Attributes
    ----------
    reward : str
        `click`, `conversion` or `value`.
    confidence : float
        Nominal coverage of the interval; larger is wider.
    interval : str
        One of `INTERVALS`.
    limits : Limits
        When to refuse.
    conditional : bool
        True when the propensities are those of an item given the items above it in its slate.
    """

    reward: str = "click"
    confidence: float = 0.95
    interval: str = "bootstrap"
    limits: Limits = Limits()
    conditional: bool = False


DEFAULT_QUESTION = Question()
