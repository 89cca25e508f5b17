"""Random: every order of the items equally likely. The logging policy that makes every log usable,
and the yardstick of regret.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Need, Policy, policy_of


def random() -> Policy:
    """Make the policy: score_a ~ Uniform(0, 1)."""

    def draws(arms: ArmView, rng: np.random.Generator, n: int) -> Floats:
        return rng.random((n, arms.prior_mean.size))  # (n, n_items)

    return policy_of("random", Need.INDEPENDENT_DRAW, draws)
