"""KL-UCB: the largest rate that the counts do not rule out.

    index_a = max { q : N_a kl(p_a, q) <= log(1 + T / N_a) + c log(log(T)) }        (plus, the
    default)
    index_a = max { q : N_a kl(p_a, q) <= log(T) + c log(log(T)) }                  (as first
    published)

with kl(p, q) = p log(p / q) + (1 - p) log((1 - p) / (1 - q)); p_a, N_a: posterior mean and its
worth in looks; T = looks in the segment. `plus` asks less of arms that are known well. Solved by
Newton steps on all arms at once. Larger c explores more; the proof wants c = 3, practice c = 0. Not
promised: the bound is for immediate feedback and one item per round; with late feedback an index
alone repeats itself, so sample as well. Garivier & Cappé (2011), The KL-UCB Algorithm for Bounded
Stochastic Bandits and Beyond (KL-UCB+ in section 4); Honda (2019), A Note on KL-UCB+ Policy for the
Stochastic Bandit.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Policy, index_policy, posterior

STEPS = 60  # about 6 are used; budgets that push q to 1 take more
TINY = 1e-300  # keeps log and division finite


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
    """Largest q in [p, 1) with kl(p, q) <= d, element by element, to about 1e-13.

    kl(p, .) is convex and rises right of p, so Newton steps from a point with kl >= d come down to
    the root and never pass it. The start solves (q - p)^2 / (2 q) = d, whose left side is below kl,
    or stays below 1 by what the failures alone allow.
    """
    most = d - p * np.log(np.maximum(p, TINY))  # (1 - p) log((1 - p) / (1 - q)) is at most this
    ceiling = 1 - (1 - p) * np.exp(-most / np.maximum(1 - p, 1e-16))
    q = np.clip(np.minimum(p + d + np.sqrt(d * d + 2 * d * p), ceiling), TINY, 1 - 1e-16)
    for _ in range(STEPS):
        slope = (q - p) / (q * (1 - q))
        step = np.where(slope > 0, (kl(p, q) - d) / np.maximum(slope, TINY), 0.0)
        new = np.clip(np.maximum(q - step, p), TINY, 1 - 1e-16)
        moved = float(np.abs(new - q).max(initial=0.0))
        q = new
        if moved < 1e-14:
            break
    return np.asarray(np.maximum(q, p), dtype=np.float64)


def kl(p: Floats, q: Floats) -> Floats:
    """Divergence of Bernoulli(p) from Bernoulli(q), with 0 log 0 = 0."""
    left = p * np.log(np.maximum(p, TINY) / np.maximum(q, TINY))  # 0 at p = 0
    right = (1 - p) * np.log(np.maximum(1 - p, TINY) / np.maximum(1 - q, TINY))
    return np.asarray(left + right, dtype=np.float64)
