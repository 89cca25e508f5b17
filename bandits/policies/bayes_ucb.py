"""Bayes-UCB: the posterior's own quantile, rising with time.

    index_a = Q(1 - 1 / (T log(T)^c);  alpha_a, beta_a),   Q(q; a, b) the quantile of Beta(a, b), T
                                                           = looks in the segment

Larger c explores more; the proof wants c >= 5, practice c = 0. Not promised: the bound is for
immediate feedback, one item per round and Beta(1, 1) priors; a strong wrong prior delays it.
Kaufmann, Cappé & Garivier (2012), On Bayesian Upper Confidence Bounds for Bandit Problems.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Policy, index_policy, posterior
from bandits.learning.special import beta_quantile


def bayes_ucb(*, c: float = 0.0) -> Policy:
    """Make the policy.

    Parameters
    ----------
    c
        Power of log(T), at least 0; larger explores more.

    Raises
    ------
    ValueError
        If c is below 0.

    """
    if not c >= 0:
        message = f"bayes_ucb: c must be at least 0, found {c}"
        raise ValueError(message)

    def index(arms: ArmView) -> Floats:
        alpha, beta = posterior(arms)  # (n_items,)
        time = max(arms.total, np.e)
        return beta_quantile(np.full_like(alpha, 1 - 1 / (time * np.log(time) ** c)), alpha, beta)

    return index_policy("bayes_ucb", index)
