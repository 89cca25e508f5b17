"""Epsilon-greedy: with probability epsilon a random order, else the greedy one; one coin for the
whole slate.

    score = posterior mean            with probability 1 - epsilon
    score_a ~ Uniform(0, 1)           with probability epsilon

Larger epsilon explores more, for ever: regret grows linearly. Wrong tool when there are many poor
items: it explores them all alike. Sutton & Barto (2018), Reinforcement Learning: An Introduction,
section 2.2.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Need, Policy, policy_of, posterior_mean


def epsilon_greedy(*, epsilon: float = 0.1) -> Policy:
    """Make the policy.

    Parameters
    ----------
    epsilon
        Probability of a random slate, in [0, 1]; larger explores more.

    Raises
    ------
    ValueError
        If epsilon is outside [0, 1].

    """
    if not 0 <= epsilon <= 1:
        message = f"epsilon_greedy: epsilon must be in [0, 1], found {epsilon}"
        raise ValueError(message)

    def draws(arms: ArmView, rng: np.random.Generator, n: int) -> Floats:
        mean = posterior_mean(arms)  # (n_items,)
        # One row of uniforms per draw, coin first: n draws then use the stream exactly as n single
        # draws do.
        uniform = rng.random((n, mean.size + 1))  # (n, n_items + 1)
        explore = uniform[:, :1] < epsilon  # (n, 1)
        return np.where(explore, uniform[:, 1:], mean)  # (n, n_items)

    return policy_of("epsilon_greedy", Need.JOINT_DRAW, draws)
