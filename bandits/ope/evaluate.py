"""Judge policies on a log that another policy made: estimates with intervals, or a reason why there
is none.

    log --split--> train: counts, reward model          judge: sample -> estimator -> terms ->
                                                        interval
                     |                                            ^
                     +-------- target (frozen policy) ------------+

A policy that would need more evidence than the log has gets a `Refusal`, with the rows that would
do, and no number.
"""

import math
from collections.abc import Sequence

import numpy as np

from bandits.ope import ESTIMATORS, Estimator
from bandits.ope.balance import balanced
from bandits.ope.ess import (
    Expected,
    Limits,
    TooLittleData,
    average_weight,
    check_amount,
    check_weights,
    check_width,
    effective_rows,
)
from bandits.ope.estimate import DEFAULT_QUESTION, Estimate, Question, Refusal
from bandits.ope.intervals import INTERVALS
from bandits.ope.log import F64, Log, reward_of, validate
from bandits.ope.reward_model import RewardModel
from bandits.ope.rips import prefix, slate_weight
from bandits.ope.sample import sample_of
from bandits.ope.support import NotShown, check_support
from bandits.ope.target import Target
from bandits.ope.terms import EstimatorError, Sample, Terms, needed, per_slate, value

# what is not shown counts as paying what the rest pays: an error of at most about this share
UNCOVERED = 0.05
ROW_ESTIMATORS = ("replay", "ips", "snips", "balance", "dm", "dr")


def evaluate(
    log: Log,
    targets: Sequence[Target],
    rng: np.random.Generator,
    estimators: Sequence[str] = ROW_ESTIMATORS,
    model: RewardModel | None = None,
    question: Question = Question(),  # noqa: B008  (immutable)
    items: Sequence[str] = (),
    *,
    expected: Expected,
) -> list[Estimate | Refusal]:
    """Judge every target by every estimator, in this order; an answer does not depend on what else
    is asked. `items` are the names that refusals call the items by.

    Whether there is an answer is decided by weights, and by what is `expected` of rows that are not
    judged (`bandits.ope.ess.expected_rewards` of the training part): never by the rewards judged.

    Raises
    ------
    LogError
        The log is invalid.
    ValueError
        An estimator or an interval is unknown.
    """
    results: list[Estimate | Refusal] = []
    seed = int(rng.integers(2**63))
    for target in targets:
        try:
            check_support(log, target.table, items)
        except NotShown as error:
            results += [
                Refusal(target.name, name, question.reward, error.reason, error.rows, None)
                for name in estimators
            ]
            continue
        sample = sample_of(
            log,
            target,
            np.random.default_rng(seed),
            model,
            question.reward,
            conditional=question.conditional,
        )
        for name in estimators:
            try:
                results.append(
                    estimate(
                        log,
                        target,
                        sample,
                        name,
                        np.random.default_rng(seed),
                        model,
                        question,
                        expected=expected,
                    )
                )
            except TooLittleData as error:
                refusal = Refusal(
                    target.name, name, question.reward, error.reason, error.rows, error.rows_needed
                )
                results.append(refusal)
            except EstimatorError as error:
                results.append(
                    Refusal(target.name, name, question.reward, str(error), log.item.size, None)
                )
    return results


def estimate(
    log: Log,
    target: Target,
    sample: Sample,
    estimator: str,
    rng: np.random.Generator,
    model: RewardModel | None = None,
    question: Question = Question(),  # noqa: B008  (immutable)
    *,
    expected: Expected,
) -> Estimate:
    """Judge one target by one estimator; `sample` is `sample_of(log, target, ...)`.

    Raises
    ------
    TooLittleData
        The log does not support an answer; says how many rows would.
    EstimatorError
        The estimator needs what this log, this target or this interval does not have.
    ValueError
        The estimator or the interval is unknown.
    """
    _check_names(estimator, question.interval)
    how = ESTIMATORS[estimator]
    n_positions = int(sample.position.max()) + 1
    if n_positions > 1 and how.conditional != question.conditional and how.weighs != "nothing":
        found, wanted = (
            ("conditional", "marginal") if question.conditional else ("marginal", "conditional")
        )
        msg = (
            f"expected {wanted} propensities for {estimator}, found {found} ones; see "
            "docs/evaluation.md"
        )
        raise EstimatorError(msg)
    weight = _weights(how, sample)
    if weight is None:
        _check_model(model, sample.reward.size, question.limits)
        ess, mean_weight = float(sample.reward.size), float("nan")
    else:
        share = expected.share_of_slates if how.weighs == "slates" else expected.share
        check_amount(weight, share, question.limits)
        if how.weighs == "averages":
            _check_covered(weight, sample)
        elif how.weighs != "matches":
            slate = None if how.weighs == "slates" else sample.slate
            check_weights(weight, question.limits, slate)
        ess, mean_weight = (
            effective_rows(weight),
            float("nan") if how.weighs == "matches" else float(weight.mean()),
        )
    check_width(ess, expected, question.confidence, sample.reward.size, question.limits)
    terms = how.terms(sample)
    width = (
        _width(how, log, target, sample, model)
        if question.interval == "bernstein"
        else float("nan")
    )
    low, high = INTERVALS[question.interval](terms, question.confidence, rng, width)
    return Estimate(
        policy=target.name,
        estimator=estimator,
        reward=question.reward,
        value=value(terms),
        low=low,
        high=high + terms.above,
        confidence=question.confidence,
        interval=question.interval,
        per=how.per,
        rows=sample.reward.size,
        slates=terms.numerator.shape[0],
        ess=ess,
        mean_weight=mean_weight,
    )


def logged(
    log: Log, rng: np.random.Generator, per: str = "row", question: Question = DEFAULT_QUESTION
) -> Estimate:
    """Return what the logging policy itself earned, per `row` or per `slate`: the yardstick,
    nothing is weighed.

    Raises
    ------
    LogError
        The log is invalid.
    """
    validate(log)
    slate = np.unique(log.slate, return_inverse=True)[1]  # (n,) 0 .. m - 1
    numerator = per_slate(reward_of(log, question.reward), slate)  # (m, 1)
    ones = np.ones_like(numerator)
    terms = Terms(numerator, per_slate(np.ones(slate.size), slate) if per == "row" else ones)
    # slates of unequal length make it a ratio
    kind = "normal" if question.interval == "bernstein" else question.interval
    low, high = INTERVALS[kind](terms, question.confidence, rng, float("nan"))
    return Estimate(
        policy="logged",
        estimator="mean",
        reward=question.reward,
        value=value(terms),
        low=low,
        high=high,
        confidence=question.confidence,
        interval=kind,
        per=per,
        rows=slate.size,
        slates=numerator.shape[0],
        ess=float(slate.size),
        mean_weight=1.0,
    )


def _check_names(estimator: str, interval: str) -> None:
    if estimator not in ESTIMATORS:
        msg = f"expected an estimator out of {', '.join(ESTIMATORS)}, found {estimator!r}"
        raise ValueError(msg)
    if interval not in INTERVALS:
        msg = f"expected an interval out of {', '.join(INTERVALS)}, found {interval!r}"
        raise ValueError(msg)


def _weights(how: Estimator, sample: Sample) -> F64 | None:
    """Return the weights that decide how much the log is worth to this estimator."""
    if how.weighs == "nothing":
        return None
    if how.weighs == "matches":
        remedy = "replay needs a log drawn uniformly at random; use snips"
        return needed(sample.matched, "draws of the target", remedy)
    if how.weighs == "prefixes":
        return prefix(sample)
    if how.weighs == "slates":
        return slate_weight(sample)
    if how.weighs == "averages":
        return balanced(sample)
    return sample.weight


def _check_covered(weight: F64, sample: Sample) -> None:
    """Refuse the average policy where it does not show what the policy wants: the average weight is
    then the part that it shows.
    """
    covered, error = average_weight(weight, sample.slate)
    if abs(covered - 1) > UNCOVERED + 3 * error:
        reason = f"the log shows {covered:.0%} of what this policy shows, each item at its place"
        raise NotShown(reason, weight.size, math.ceil(weight.size / max(covered, 1e-6)))


def _check_model(model: RewardModel | None, rows: int, limits: Limits) -> None:
    """Refuse the direct method when its model saw hardly any reward: its interval would not show
    it.
    """
    if model is not None and model.rewarded < limits.min_rewarded:
        reason = (
            f"the reward model was fitted on {model.rewarded} rewarded rows, expected at least "
            f"{limits.min_rewarded:g}"
        )
        raise TooLittleData(
            reason, rows, math.ceil(rows * limits.min_rewarded / max(model.rewarded, 1))
        )


def _width(
    how: Estimator, log: Log, target: Target, sample: Sample, model: RewardModel | None
) -> float:
    """Return the range that one slate's contribution to V lies in, for the Bernstein interval.

    No weight is above max pi / min p, no reward outside the rewards seen (for clicks: 0 to 1) and
    the model's.
    """
    if how.reach is None:
        msg = "expected an estimator with a known range for the Bernstein interval: " + ", ".join(
            name for name, other in ESTIMATORS.items() if other.reach is not None
        )
        raise EstimatorError(msg)
    seen = [0.0, float(sample.reward.min()), float(sample.reward.max())]
    if model is not None:
        seen += [float(model.table.min()), float(model.table.max())]
    largest = float(target.table.max() / log.propensity.min())
    positions = int(sample.position.max()) + 1 if how.per == "slate" else 1
    return positions * how.reach(largest) * (max(seen) - min(seen))
