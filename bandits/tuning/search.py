"""Weights by Pareto search: which settings of a policy file trade one goal for another at the best
rate, judged on a log.

The log is cut in three, in order of time, so that no answer is judged by what it was chosen for:

    1. fit     counts, reward models: what each candidate has learned
    2. search  NSGA-II over the parameters; goals estimated here, with the same random numbers for
       every candidate
    3. judge   the front that was found, estimated anew with intervals; the best of many candidates
               looks better in step 2 than it is, and this step shows by how much

A candidate that step 2 cannot judge (too little data) is infeasible, the more so the more rows it
would need. Wrong tool for choosing between two given policies: `bandits.ope.evaluate` with all the
data is sharper. Deb, Pratap, Agarwal & Meyarivan (2002), A Fast and Elitist Multiobjective Genetic
Algorithm: NSGA-II. Needs the extra `tune`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from bandits.ope.ess import Expected, TooLittleData, expected_rewards
from bandits.ope.estimate import Estimate, Question, Refusal
from bandits.ope.evaluate import estimate, evaluate
from bandits.ope.log import F64, Log, Shape
from bandits.ope.reward_model import RewardModel, fit_reward_model
from bandits.ope.sample import sample_of
from bandits.ope.served import served
from bandits.ope.support import check_support
from bandits.ope.target import Target
from bandits.slates.config import SlateConfig
from bandits.slates.request import Catalogue
from bandits.tuning.nsga2 import nsga2
from bandits.tuning.parameters import DECIMALS, GOALS, PARAMETERS, SearchError, turned, variety

# per candidate: half of what `served` takes, since there are hundreds; fewer makes the front ragged
N_SNAPSHOTS = 4
# per impression, from the propensities of the contract
MARGINAL_ESTIMATORS = ("ips", "snips", "dr", "sndr")


class Parts(NamedTuple):
    """The log cut in three; see the module."""

    fit: Log
    search: Log
    judge: Log
    shape: Shape


class Search(NamedTuple):
    """How to search.

    Attributes
    ----------
    goals
        Two or more of `GOALS`, each to be maximised.
    parameters
        Of `PARAMETERS`; more parameters need more candidates.
    estimator
        `snips`, `dr`, `ips` or `sndr`.
    size, generations
        Candidates per generation, and how many generations; more is finer and slower.
    seed
        Of everything random: the same seed finds the same front.
    question
        Confidence, interval and limits of the judgement.
    """

    goals: Sequence[str] = ("click", "variety")
    parameters: Sequence[str] = ("click", "freshness", "exploration")
    estimator: str = "snips"
    size: int = 20
    generations: int = 8
    seed: int = 0
    question: Question = Question()


class Point(NamedTuple):
    """One point of the front: the settings, their goals as searched, and as judged on rows that
    nobody had seen.
    """

    settings: dict[str, float]
    config: SlateConfig
    searched: dict[str, float]
    judged: dict[str, Estimate | Refusal | float]  # a number where nothing had to be estimated


def check_search(search: Search) -> None:
    """Refuse a search that cannot be run.

    Raises
    ------
    SearchError
        An unknown goal, parameter or estimator, fewer than two goals, or no candidates.
    """
    for what, found, valid in (
        ("goals", search.goals, GOALS),
        ("parameters", search.parameters, tuple(PARAMETERS)),
        ("an estimator", (search.estimator,), MARGINAL_ESTIMATORS),
    ):
        unknown = [name for name in found if name not in valid]
        if unknown or not found:
            msg = f"expected {what} out of {', '.join(valid)}, found {', '.join(unknown) or 'none'}"
            raise SearchError(msg)
    if len(set(search.goals)) < 2:
        msg = (
            "expected at least two goals to trade against each other, found "
            f"{', '.join(search.goals)}; name more of {', '.join(GOALS)}"
        )
        raise SearchError(msg)
    if search.size < 4 or search.generations < 1:
        msg = (
            f"expected at least 4 candidates and 1 generation, found {search.size} and "
            f"{search.generations}"
        )
        raise SearchError(msg)


class Bench(NamedTuple):
    """What every candidate is tried on."""

    parts: Parts
    base: SlateConfig
    search: Search
    catalogue: Catalogue | None
    models: dict[str, RewardModel]
    expected: dict[str, Expected]


def make_bench(
    parts: Parts, base: SlateConfig, search: Search, catalogue: Catalogue | None = None
) -> Bench:
    """Fit the reward models that the goals need, on the first part.

    Parameters
    ----------
    parts
        The log in three parts.
    base
        The policy file to start from; what no parameter turns stays as it is.
    search
        How to search.
    catalogue
        Items' categories, vectors and ages; None: as the log implies.

    Raises
    ------
    SearchError
        The search cannot be run as asked.
    """
    check_search(search)
    paid = [goal for goal in search.goals if goal != "variety"]
    models = {goal: fit_reward_model(parts.fit, parts.shape, goal) for goal in paid}
    expected = {goal: expected_rewards(parts.fit, goal) for goal in paid}
    return Bench(parts, base, search, catalogue, models, expected)


def pareto_search(bench: Bench, each: Callable[[], None] = lambda: None) -> list[Point]:
    """Search, and judge what was found; points come in order of the first goal, best first. `each`
    is called per candidate.

    Raises
    ------
    SearchError
        pymoo is not installed.
    TooLittleData
        No candidate at all could be judged.
    """
    search = bench.search
    refusals: list[TooLittleData] = []

    def goals_of(x: F64) -> tuple[F64, float]:
        """Return the goals (n_goals,), and by how much the candidate is beyond what the log can
        judge (0: not at all).
        """
        try:
            return np.array(
                list(_searched(bench, _target(bench, _settings(search, x))).values())
            ), 0.0
        except TooLittleData as refusal:
            refusals.append(refusal)
            return np.zeros(len(search.goals)), math.log(refusal.rows_needed / refusal.rows)
        finally:
            each()

    bounds = np.array([PARAMETERS[name][:2] for name in search.parameters])  # (n_parameters, 2)
    found = nsga2(goals_of, len(search.goals), bounds, search.size, search.generations, search.seed)
    if not found.size:
        raise min(refusals, key=lambda refusal: refusal.rows_needed)
    distinct = dict.fromkeys(tuple(_settings(search, x).items()) for x in found)
    points = [make_point(bench, dict(items)) for items in distinct]
    # settings that come to the same: one
    by_goals = {tuple(point.searched.values()): point for point in reversed(points)}
    return sorted(by_goals.values(), key=lambda point: -point.searched[search.goals[0]])


def make_point(bench: Bench, settings: Mapping[str, float]) -> Point:
    """Try one setting of the parameters; none at all is the policy file as it is.

    Raises
    ------
    TooLittleData
        The search part cannot tell.
    """
    target = _target(bench, settings)
    return Point(
        dict(settings),
        turned(bench.base, settings),
        _searched(bench, target),
        _judged(bench, target),
    )


def _target(bench: Bench, settings: Mapping[str, float]) -> Target:
    # subtle: every candidate gets the same random numbers, or NSGA-II would chase those that were
    # lucky
    rng = np.random.default_rng(bench.search.seed)
    fit, shape = bench.parts.fit, bench.parts.shape
    return served(
        "candidate", turned(bench.base, settings), fit, shape, rng, bench.catalogue, N_SNAPSHOTS
    )


def _searched(bench: Bench, target: Target) -> dict[str, float]:
    """Return every goal on the search part, or raise `TooLittleData` (`NotShown` is one)."""
    log, search = bench.parts.search, bench.search
    check_support(log, target.table)
    goals: dict[str, float] = {}
    rng = np.random.default_rng(search.seed)
    for goal in search.goals:
        if goal == "variety":
            goals[goal] = variety(target, traffic(log, bench.parts.shape))
            continue
        # the interval is not looked at: the cheapest
        question = search.question._replace(reward=goal, interval="normal")
        sample = sample_of(log, target, rng, bench.models[goal], goal)
        model, expected = bench.models[goal], bench.expected[goal]
        found = estimate(
            log, target, sample, search.estimator, rng, model, question, expected=expected
        )
        goals[goal] = found.value
    return goals


def _judged(bench: Bench, target: Target) -> dict[str, Estimate | Refusal | float]:
    """Judge by every goal on the rows that neither fitted nor searched."""
    log, search = bench.parts.judge, bench.search
    judged: dict[str, Estimate | Refusal | float] = {}
    for goal in search.goals:
        if goal == "variety":
            judged[goal] = variety(target, traffic(log, bench.parts.shape))
            continue
        rng = np.random.default_rng(search.seed)
        question = search.question._replace(reward=goal)
        model, expected = bench.models[goal], bench.expected[goal]
        judged[goal] = evaluate(
            log, [target], rng, [search.estimator], model, question, expected=expected
        )[0]
    return judged


def traffic(log: Log, shape: Shape) -> F64:
    """Return the share of impressions of each segment and position; (n_segments, n_positions), sums
    to 1.
    """
    cell = log.segment * shape.n_positions + log.position  # (n,)
    counts = np.bincount(cell, minlength=shape.n_segments * shape.n_positions).reshape(shape[:2])
    shares: F64 = counts / counts.sum()
    return shares


def _settings(search: Search, x: F64) -> dict[str, float]:
    return {
        name: round(float(value), DECIMALS)
        for name, value in zip(search.parameters, x, strict=True)
    }
