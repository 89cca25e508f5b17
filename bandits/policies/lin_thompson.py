"""LinThompson from counts: draw the coefficients and every arm's own part, rank by the sum.

    theta ~ Normal(A^-1 b, A^-1),   r_a ~ Normal(mean r_a, var r_a),   score_a = g + x_a' theta +
    r_a        (`bandits.policies.linear`)

One draw of theta moves all items together. Wrong tool without vectors, or when vectors say nothing
of clicks and residual = 0. Agrawal & Goyal (2013), Thompson Sampling for Contextual Bandits with
Linear Payoffs.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Need, Policy, policy_of
from bandits.policies.linear import fit_line


def lin_thompson(*, scale: float = 1.0, spread: float = 1.0, residual: float = 0.5) -> Policy:
    """Make the policy.

    Parameters
    ----------
    scale
        Multiplies the standard deviation of the draw, at least 0; larger explores more.
    spread, residual
        Prior spread of the line and of an arm's own part, relative to the click rate
        (`bandits.policies.linear.fit_line`).

    Raises
    ------
    ValueError
        If scale or residual is below 0, or spread not above 0.

    """
    if not (scale >= 0 and spread > 0 and residual >= 0):
        message = (
            "lin_thompson: scale and residual must be at least 0 and spread above 0, found "
            f"{scale}, {residual} and {spread}"
        )
        raise ValueError(message)

    def draws(arms: ArmView, rng: np.random.Generator, n: int) -> Floats:
        line = fit_line(arms, spread, residual)
        d = line.theta.size
        # coefficients first, then residuals, row by row
        normal = rng.standard_normal((n, d + line.residual.size))
        moved = normal[:, :d] @ line.root.T @ line.x.T  # (n, n_items)
        return np.asarray(
            line.mean + scale * (moved + normal[:, d:] * line.residual_sd), dtype=np.float64
        )

    return policy_of("lin_thompson", Need.JOINT_DRAW, draws)._replace(of_vectors=True)
