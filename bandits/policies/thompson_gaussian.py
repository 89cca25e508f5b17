"""Thompson sampling for values: draw the mean value per look of every arm, rank by the draw.

    mu_a = p_a v_a,   sd_a^2 = v_a^2 (p_a (1 - p_a) + p_a cv^2) / (N_a + 1),   theta_a ~
    Normal(mu_a, sd_a^2)

p_a, N_a: posterior mean of the success rate and its worth in looks; v_a: value per success, shrunk
to the segment's by `value_clicks` successes' worth; cv: spread of one value around v_a, relative. A
sum of values per look is a compound of clicks and their values, so its spread needs no second
moment in the counts. Negative values (returns) are allowed. Wrong tool when values are 0 or 1: use
`thompson`, whose posterior is exact. Not promised: values with heavy tails need more than a mean.
Agrawal & Goyal (2013), Further Optimal Regret Bounds for Thompson Sampling (Gaussian posterior).
"""

from __future__ import annotations

import numpy as np

from bandits.arms import ArmView, Floats, Need, Policy, policy_of, posterior


def thompson_gaussian(*, cv: float = 1.0, value_clicks: float = 3.0) -> Policy:
    """Make the policy.

    Parameters
    ----------
    cv
        Standard deviation of one value relative to its mean, at least 0; larger explores more. 0
        where all values are equal.
    value_clicks
        How many successes the segment's value per success is worth for one arm, above 0; larger
        trusts it longer.

    Raises
    ------
    ValueError
        If cv is below 0 or value_clicks not above 0.

    """
    if not (cv >= 0 and value_clicks > 0):
        message = (
            f"thompson_gaussian: cv must be at least 0 and value_clicks above 0, found {cv} and "
            f"{value_clicks}"
        )
        raise ValueError(message)

    def draws(arms: ArmView, rng: np.random.Generator, n: int) -> Floats:
        alpha, beta = posterior(arms)  # (n_items,)
        worth = alpha + beta
        p = alpha / worth
        # One success of value 1 stands for what is not known yet, so that an empty segment ranks by
        # clicks.
        common = (arms.value.sum() + 1) / (np.maximum(arms.clicks, 0.0).sum() + 1)
        # (n_items,)
        value = (arms.value + value_clicks * common) / (np.maximum(arms.clicks, 0.0) + value_clicks)
        # an arm of mean value 0 is not one without spread
        size = np.abs(value) + np.abs(common) / value_clicks
        sd = size * np.sqrt(p * (1 - p + cv * cv) / (worth + 1))
        drawn: Floats = p * value + sd * rng.standard_normal((n, p.size))  # (n, n_items)
        return drawn

    return policy_of("thompson_gaussian", Need.INDEPENDENT_DRAW, draws)
