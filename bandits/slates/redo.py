"""Redo: the terms that an item's score is the sum of, from its `why` and the weights in force.

    weighted     w_i why[i] for each signal i
    rrf          w_i / (60 + why["rank_i"])
    team_draft   place: 1 / (1 + place of the pick)
    pareto       order: 1/2 + atan(sum_i w_i why[i]) / pi; front: -why["front"]

and `diversity` where there is one (`bandits.slates.serve`). An item that no score chose (pinned, at
random) has none, and its score is 0.
"""

import math
from collections.abc import Mapping

from bandits.slates.combine import RRF_K
from bandits.slates.config import SlateConfig, normalised
from bandits.slates.segment import WHY_NAMES

NO_SCORE = ("pinned", "floor", "mode")  # parts of items that no score chose


def weights_in_force(
    config: SlateConfig, objectives: Mapping[str, float] | None
) -> dict[str, float]:
    """Weight of each signal, by its name in `why`; `objectives` are a request's own."""
    mix = normalised({choice.name: choice.weight for choice in config.policies}, "policies")
    weights: dict[str, float] = {}
    for name, weight in normalised(objectives or dict(config.objectives), "objectives").items():
        if name == "click":
            weights |= {
                WHY_NAMES.get(policy, policy): weight * share for policy, share in mix.items()
            }
        else:
            weights[name] = weight
    return weights


def terms(
    config: SlateConfig,
    objectives: Mapping[str, float] | None,
    why: Mapping[str, float],
    score: float,
) -> dict[str, float]:
    """Terms of a score by name; their sum is the score.

    Parameters
    ----------
    config, objectives
        What the slate was made by, and the weights of its request, if it had any.
    why, score
        Of one item.

    Examples
    --------
    >>> terms(SlateConfig(), None, {"thompson": 0.2, "ucb": 0.4, "mean": 0.1}, 0.3)
    {'thompson': 0.1, 'ucb': 0.2}

    """
    if any(part in why for part in NO_SCORE):
        return {}
    weights = weights_in_force(config, objectives)
    found: dict[str, float]
    extra = {"diversity": why["diversity"]} if "diversity" in why else {}
    if config.combiner == "team_draft":
        # the place of the pick, a whole number: a random slot may have moved the item since
        pick = round(1 / max(score - extra.get("diversity", 0.0), 1e-9) - 1)
        return {"place": 1 / (1 + pick), **extra}
    if config.combiner == "rrf":
        ranks = {name: why.get(f"rank_{name}", 0.0) for name in weights}
        found = {n: weights[n] / (RRF_K + rank) for n, rank in ranks.items() if rank > 0}
        return found | extra
    found = {name: weight * why.get(name, 0.0) for name, weight in weights.items()}
    if config.combiner == "pareto":
        order = 0.5 + math.atan(sum(found.values())) / math.pi
        return {"order": order, "front": -why.get("front", 0.0), **extra}
    return found | extra
