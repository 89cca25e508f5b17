"""KL-UCB: the largest rate that the counts do not rule out.

    index_a = max { q : N_a kl(p_a, q) <= log(1 + T / N_a) + c log(log(T)) }        (plus, the default)
    index_a = max { q : N_a kl(p_a, q) <= log(T) + c log(log(T)) }                  (as first published)

with kl(p, q) = p log(p / q) + (1 - p) log((1 - p) / (1 - q)); p_a, N_a: posterior mean and its worth in looks; T = looks in the segment.
`plus` asks less of arms that are known well. Solved by bisection on all arms at once. Larger c explores more; the proof wants c = 3,
practice c = 0. Not promised: the bound is for immediate feedback and one item per round; with late feedback an index alone repeats itself,
so sample as well. Garivier & Cappé (2011), The KL-UCB Algorithm for Bounded Stochastic Bandits and Beyond (KL-UCB+ in section 4);
Honda (2019), A Note on KL-UCB+ Policy for the Stochastic Bandit.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Policy, index_policy, posterior

STEPS = 45  # halvings of [p, 1]: 2^-45 is below the rounding of a rate of 1e-3


def kl_ucb(*, c: float = 0.0, plus: bool = True) -> Policy:
    """Make the policy.

    Parameters
    ----------
    c
        Weight of log(log(T)), at least 0; larger explores more.
    plus
        Whether the budget shrinks with the arm's own looks.

    Raises
    ------
    ValueError
        If c is below 0.

    """
    if not c >= 0:
        message = f"kl_ucb: c must be at least 0, found {c}"
        raise ValueError(message)

    def index(arms: ArmView) -> Floats:
        alpha, beta = posterior(arms)  # (n_items,)
        worth = alpha + beta
        time = max(arms.total, np.e)
        log_t = np.log1p(time / worth) if plus else np.full_like(worth, np.log(time))
        budget = log_t + c * np.log(max(np.log(time), 1.0))  # (n_items,)
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
