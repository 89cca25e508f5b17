"""What a Pareto search may turn in a policy file, and what it may want.

Parameters, each a number within bounds, written to a copy of the policy file:

    click, conversion, value, freshness    weight of that objective, 0 to 1 (relative to each other)
    exploration                            1: the policies as the file mixes them; 0: greedy alone;
                                           between: both, so mixed
    diversity                              strength of the re-ranking that the file chose, 0 to 2

Goals, each to be maximised:

    click, conversion, value    reward per impression, estimated off-policy on a part of the log
                                that nothing was fitted on
    variety                     exp(entropy of the shares of impressions) / n_items: the part of the
                                catalogue that is really shown; known exactly from the policy's
                                probabilities, nothing to estimate
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from bandits.ope.log import F64, REWARDS
from bandits.ope.target import Target
from bandits.slates.config import PolicyChoice, SlateConfig

# parameters are rounded to these, so that a policy file can be read and a point made again from its
# numbers
DECIMALS = 3
SMALLEST_WEIGHT = 10**-DECIMALS
OBJECTIVE_PARAMETERS = ("click", "conversion", "value", "freshness")


class SearchError(ValueError):
    """A search that cannot be run as asked: what was expected, what was found, what to do."""


class Parameter(NamedTuple):
    """A number to choose: bounds, and how it changes a policy file."""

    low: float
    high: float
    turn: Callable[[SlateConfig, float], SlateConfig]


def _weigh(objective: str) -> Callable[[SlateConfig, float], SlateConfig]:
    def turn(config: SlateConfig, weight: float) -> SlateConfig:
        weights = dict(config.objectives) | {objective: weight}
        return replace(config, objectives=tuple(weights.items()))

    return turn


def _explore(config: SlateConfig, exploration: float) -> SlateConfig:
    total = sum(choice.weight for choice in config.policies)
    kept = [choice for choice in config.policies if choice.name != "greedy"]
    share = sum(choice.weight for choice in config.policies if choice.name == "greedy") / total
    greedy = 1 - exploration * (1 - share)  # what the file itself gives to greedy stays
    weights = [(choice, round(exploration * choice.weight / total, DECIMALS)) for choice in kept]
    mix = [replace(choice, weight=weight) for choice, weight in weights if weight > 0]
    if greedy >= SMALLEST_WEIGHT or not mix:
        mix.append(PolicyChoice("greedy", max(round(greedy, DECIMALS), SMALLEST_WEIGHT)))
    return replace(config, policies=tuple(mix))


def _diversify(config: SlateConfig, strength: float) -> SlateConfig:
    return replace(config, diversity=replace(config.diversity, strength=strength))


PARAMETERS: dict[str, Parameter] = {
    **{name: Parameter(0.0, 1.0, _weigh(name)) for name in OBJECTIVE_PARAMETERS},
    "exploration": Parameter(0.0, 1.0, _explore),
    "diversity": Parameter(0.0, 2.0, _diversify),
}
GOALS = (*REWARDS, "variety")


def turned(base: SlateConfig, settings: Mapping[str, float]) -> SlateConfig:
    """Return `base` with parameters turned; objective weights then sum to 1, and when all are 0
    clicks count alone.

    Raises
    ------
    SearchError
        A parameter is unknown.
    """
    config = base
    for name, setting in settings.items():
        if name not in PARAMETERS:
            msg = f"expected parameters out of {', '.join(PARAMETERS)}, found {name!r}"
            raise SearchError(msg)
        config = PARAMETERS[name].turn(config, round(float(setting), DECIMALS))
    total = sum(weight for _, weight in config.objectives)
    weights = (
        [(name, round(weight / total, DECIMALS)) for name, weight in config.objectives]
        if total > 0
        else []
    )
    return replace(
        config, objectives=tuple(pair for pair in weights if pair[1] > 0) or (("click", 1.0),)
    )


def variety(target: Target, traffic: F64) -> float:
    """Return the part of the catalogue that the target really shows, 1 / n_items to 1.

    Parameters
    ----------
    target
        The policy.
    traffic
        Share of impressions of each segment and position, (n_segments, n_positions), sums to 1.

    Examples
    --------
    >>> from bandits.ope.target import fixed
    >>> variety(fixed("two of four", np.array([[[0.5, 0.5, 0.0, 0.0]]])), np.ones((1, 1)))
    0.5
    """
    shares = np.einsum("sl,sla->a", traffic, target.table)  # (n_items,) sums to 1
    shown = shares[shares > 0]
    return float(np.exp(-(shown * np.log(shown)).sum()) / shares.size)
