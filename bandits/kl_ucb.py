"""KL-UCB: the largest rate that the counts do not rule out.

    index_a = max { q : N_a kl(p_a, q) <= log(T) + c log(log(T)) },   p_a, N_a: posterior mean and its worth in looks,
    T = sum of looks

with kl(p, q) = p log(p / q) + (1 - p) log((1 - p) / (1 - q)). Solved by bisection on all arms at once. Larger c
explores more; the proof wants c = 3, practice c = 0. Not promised: the bound is for immediate feedback and one item
per round; with late feedback the index shows one slate until the first click is back, so sample as well. Garivier &
Cappé (2011), The KL-UCB Algorithm for Bounded Stochastic Bandits and Beyond.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Policy, index_policy, posterior

STEPS = 45  # halvings of [p, 1]: 2^-45 is below the rounding of a rate of 1e-3


def kl_ucb(*, c: float = 0.0) -> Policy:
    """Make the policy; c is the weight of log(log(T)), larger explores more."""

    def index(arms: ArmView) -> Floats:
        alpha, beta = posterior(arms)  # (n_items,)
        worth = alpha + beta
        log_t = np.log(max(arms.total, np.e))
        budget = log_t + c * np.log(max(log_t, 1.0))  # scalar
        return upper_bound(alpha / worth, budget / worth)

    return index_policy("kl_ucb", index)


def upper_bound(p: Floats, d: Floats) -> Floats:
    """Largest q in [p, 1] with kl(p, q) <= d, element by element, to 2^-45 of the interval."""
    low, high = p, np.ones_like(p)
    for _ in range(STEPS):
        q = (low + high) / 2
        inside = kl(p, q) <= d
        low, high = np.where(inside, q, low), np.where(inside, high, q)
    return low


def kl(p: Floats, q: Floats) -> Floats:
    """Divergence of Bernoulli(p) from Bernoulli(q), with 0 log 0 = 0."""
    tiny = 1e-300  # keeps log finite; p log(p / q) is 0 at p = 0 all the same
    left = p * np.log(np.maximum(p, tiny) / np.maximum(q, tiny))
    right = (1 - p) * np.log(np.maximum(1 - p, tiny) / np.maximum(1 - q, tiny))
    return np.asarray(left + right, dtype=np.float64)
