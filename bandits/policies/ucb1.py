"""UCB1 scaled to the click rate: mean plus a bonus that shrinks with the arm's looks.

    index_a = p_a + c sqrt(2 v log(T) / N_a),   v = 1/4 (classic), or p_a (1 - p_a) + 1 / N_a
                                                (scaled)

p_a, N_a: posterior mean and its worth in looks, T = looks in the segment. The classic bonus is for
rewards spread over [0, 1]: at click rates of a few percent it explores many times too much;
`scaled` uses the variance that such a rate has. Larger c explores more. Wrong tool when rates are
low and c was set where they were high: use `kl_ucb`, which needs no constant. Not promised: the
bound is for c = 1, the classic variance, immediate feedback and one item per round. Auer,
Cesa-Bianchi & Fischer (2002), Finite-time Analysis of the Multiarmed Bandit Problem (UCB1;
UCB1-Tuned for the variance).
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Policy, index_policy, posterior


def ucb1(*, c: float = 1.0, scaled: bool = True) -> Policy:
    """Make the policy.

    Parameters
    ----------
    c
        Multiplies the bonus, at least 0; larger explores more.
    scaled
        Whether the bonus follows the variance of the rate; False is UCB1 as published.

    Raises
    ------
    ValueError
        If c is below 0.

    """
    if not c >= 0:
        message = f"ucb1: c must be at least 0, found {c}; 0 is greedy"
        raise ValueError(message)

    def index(arms: ArmView) -> Floats:
        alpha, beta = posterior(arms)  # (n_items,)
        worth = alpha + beta
        p = alpha / worth
        variance = np.minimum(p * (1 - p) + 1 / worth, 0.25) if scaled else np.full_like(p, 0.25)
        return np.asarray(
            p + c * np.sqrt(2 * variance * np.log(max(arms.total, np.e)) / worth), dtype=np.float64
        )

    return index_policy("ucb1", index)
