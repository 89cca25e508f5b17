"""Thompson sampling for click-like rewards: draw one rate per arm from its posterior, rank by the
draw.

    theta_a ~ Beta(m_a k_a + s_a, (1 - m_a) k_a + n_a - s_a)

A larger prior strength k trusts the prior mean m longer. Wrong tool when rewards are not 0 or 1:
use `thompson_gaussian`. With delayed clicks leave the pending looks out of n
(`bandits.learning.delay`), or every fresh impression counts as a failure. Thompson (1933), On the
likelihood that one unknown probability exceeds another ...; Chapelle & Li (2011), An Empirical
Evaluation of Thompson Sampling.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Need, Policy, policy_of, posterior


def thompson(*, sharpness: float = 1.0) -> Policy:
    """Make the policy.

    Parameters
    ----------
    sharpness
        The posterior's counts are multiplied by it: above 1 draws nearer to the mean and explores
        less, below 1 more. The regret bounds are for 1.

    Raises
    ------
    ValueError
        If sharpness is not above 0.

    """
    if not sharpness > 0:
        message = f"thompson: sharpness must be above 0, found {sharpness}"
        raise ValueError(message)

    def betas(arms: ArmView) -> tuple[Floats, Floats]:
        alpha, beta = posterior(arms)  # (n_items,)
        return alpha * sharpness, beta * sharpness

    def draws(arms: ArmView, rng: np.random.Generator, n: int) -> Floats:
        alpha, beta = betas(arms)
        return rng.beta(alpha, beta, size=(n, alpha.size))  # (n, n_items)

    return policy_of("thompson", Need.INDEPENDENT_DRAW, draws)._replace(betas=betas)
