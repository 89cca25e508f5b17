"""Greedy: rank by the posterior mean.

    score_a = (m_a k_a + s_a) / (k_a + n_a)

Wrong tool when anything is still to be learned: it shows the first items that do well for ever. For
comparisons, and inside `epsilon_greedy`.
"""

from __future__ import annotations

from bandits.arms import Policy, index_policy, posterior_mean


def greedy() -> Policy:
    """Make the greedy policy; deterministic."""
    return index_policy("greedy", posterior_mean)
