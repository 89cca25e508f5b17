"""Softmax: the order of a Plackett-Luce model over the posterior means, drawn by the Gumbel trick.

    score_a = log(mean_a) / tau + G_a,   G_a ~ Gumbel(0, 1)

so that item a comes first with probability mean_a^(1/tau) / sum_b mean_b^(1/tau). The logarithm
makes tau free of the click rate: at tau = 0.2 an item with half the rate comes first 32 times less
often. Larger tau explores more. Wrong tool when rates are known well: it explores for ever, by rate
and not by uncertainty. Plackett (1975), The analysis of permutations; Yellott (1977), The
relationship between Luce's choice axiom, ...
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Need, Policy, policy_of, posterior_mean


def softmax(*, tau: float = 0.2) -> Policy:
    """Make the policy.

    Parameters
    ----------
    tau
        Temperature, above 0; larger is nearer to a random order.

    Raises
    ------
    ValueError
        If tau is not above 0.

    """
    if not tau > 0:
        message = f"softmax: tau must be above 0, found {tau}; use `greedy` for the limit"
        raise ValueError(message)

    def draws(arms: ArmView, rng: np.random.Generator, n: int) -> Floats:
        weight = np.log(posterior_mean(arms)) / tau  # (n_items,)
        return weight + rng.gumbel(size=(n, weight.size))  # (n, n_items)

    return policy_of("softmax", Need.INDEPENDENT_DRAW, draws)
