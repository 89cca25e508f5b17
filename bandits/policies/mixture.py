"""A weighted average of policies as one policy: the default is half Thompson, half KL-UCB+, both
over pooled counts.

    score_a = sum_i w_i score_ia

Thompson's half explores by chance, also while feedback is on its way, and gives every item a
propensity above zero; the index's half is a bonus that grows with time for arms seldom shown, so
that an item with bad luck comes back. Averaged they explore less than either alone where much is
known, and no single unlucky start lasts: sharper Thompson sampling is as good in the mean and now
and then loses three times as much. Only policies whose scores are rates of one kind can be
averaged.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bandits.arms import ArmView, Floats, Need, Policy
from bandits.policies.kl_ucb import kl_ucb
from bandits.policies.thompson import thompson


def blend(parts: Sequence[tuple[Policy, float]], name: str = "") -> Policy:
    """Make one policy of several.

    Parameters
    ----------
    parts
        Policies and their weights, relative.
    name
        The blend's name; empty joins the parts' with a plus.

    Raises
    ------
    ValueError
        If there is no part, or a weight is not above 0.

    """
    if not parts or not all(weight > 0 for _, weight in parts):
        message = (
            "a blend needs policies with weights above 0, found "
            f"{[(policy.name, weight) for policy, weight in parts]}"
        )
        raise ValueError(message)
    total = sum(weight for _, weight in parts)
    kinds = {policy.needs for policy, _ in parts}
    needs = next(
        kind
        for kind in (Need.JOINT_DRAW, Need.INDEPENDENT_DRAW, Need.DETERMINISTIC)
        if kind in kinds
    )

    def score(arms: ArmView, rng: np.random.Generator) -> Floats:
        return np.asarray(
            sum(weight / total * policy.score(arms, rng) for policy, weight in parts),
            dtype=np.float64,
        )

    def draws(arms: ArmView, rng: np.random.Generator, n: int) -> Floats:
        random = [policy for policy, _ in parts if policy.needs is not Need.DETERMINISTIC]
        # one row after the other, so that n draws use the stream as n single draws do
        if len(random) > 1:
            return np.stack([score(arms, rng) for _ in range(n)])
        return np.asarray(
            sum(weight / total * policy.draws(arms, rng, n) for policy, weight in parts),
            dtype=np.float64,
        )

    return Policy(name or "+".join(policy.name for policy, _ in parts), score, needs, draws)


def default_policy() -> Policy:
    """Make the default: Thompson sampling and KL-UCB+, half each."""
    return blend([(thompson(), 0.5), (kl_ucb(), 0.5)])
