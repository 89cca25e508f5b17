"""LinUCB from counts: the line's mean plus its spread.

    index_a = g + x_a' theta + r_a + c sqrt(x_a' A^-1 x_a + var r_a)
    (`bandits.policies.linear`)

Larger c explores more. Wrong tool without vectors, or when vectors say nothing of clicks and
residual = 0: it then never stops losing. Not promised: the published bound is for residual = 0 and
rewards that are linear in the vectors. Li, Chu, Langford & Schapire (2010), A Contextual-Bandit
Approach to Personalized News Article Recommendation.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Policy, index_policy
from bandits.policies.linear import fit_line


def lin_ucb(*, c: float = 1.0, spread: float = 1.0, residual: float = 0.5) -> Policy:
    """Make the policy.

    Parameters
    ----------
    c
        Multiplies the spread, at least 0; larger explores more.
    spread, residual
        Prior spread of the line and of an arm's own part, relative to the click rate
        (`bandits.policies.linear.fit_line`).

    Raises
    ------
    ValueError
        If c or residual is below 0, or spread not above 0.

    """
    if not (c >= 0 and spread > 0 and residual >= 0):
        message = (
            f"lin_ucb: c and residual must be at least 0 and spread above 0, found {c}, {residual} "
            f"and {spread}"
        )
        raise ValueError(message)

    def index(arms: ArmView) -> Floats:
        line = fit_line(arms, spread, residual)
        return np.asarray(line.mean + c * line.sd, dtype=np.float64)

    return index_policy("lin_ucb", index)._replace(of_vectors=True)
