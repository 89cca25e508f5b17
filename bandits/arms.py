"""What a policy sees, and what a policy is: one segment's counts with their prior in, one score per
item out.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class ArmView(NamedTuple):
    """One segment as its policies see it; arrays (n_items,) float64 unless said otherwise. Made by
    `bandits.learning.priors.arm_view`.

    Attributes
    ----------
    impressions
        Effective looks n: examined minus pending, forgotten as far as change demands.
    clicks
        Successes s of those looks; can exceed `impressions` where examination weights are small.
    conversions, value
        As in `Counts`, forgotten alike.
    prior_mean, prior_strength
        Prior m of the success rate, and how many looks it is worth (k). A larger k trusts m longer.
    total
        Looks in the segment, a scalar: sum of `impressions`, the clock of the UCB indices.
    vectors
        (n_items, d) embeddings, or None.
    pooled_impressions, pooled_clicks
        The same looks and successes summed over all segments, this one included.
    in_flight
        Looks of this segment whose outcome is still on its way; they are in none of the above.

    """

    impressions: Floats
    clicks: Floats
    conversions: Floats
    value: Floats
    prior_mean: Floats
    prior_strength: Floats
    total: float
    vectors: Floats | None
    pooled_impressions: Floats
    pooled_clicks: Floats
    in_flight: Floats


class Need(Enum):
    """What a policy needs of randomness, so that propensities are worked out the right way."""

    DETERMINISTIC = "deterministic"  # one answer per view; only the tie-break is random
    INDEPENDENT_DRAW = "independent_draw"  # items draw independently of each other
    JOINT_DRAW = "joint_draw"  # one draw moves several items together


class Policy(NamedTuple):
    """A scoring rule. Larger scores are shown first; ties are broken at random by the slate.

    Attributes
    ----------
    name
        The registry's name.
    score
        `score(arms, rng) -> (n_items,) float64`.
    needs
        How its randomness behaves.
    draws
        `draws(arms, rng, n) -> (n, n_items) float64`: n scores at once, equal to n calls of `score`
        with the same generator.
    betas
        `betas(arms) -> (alpha, beta)`, (n_items,) each, where a score is a draw from that Beta and
        items draw by themselves; None otherwise. Then draws can be had above a level only
        (`bandits.slates.exceedances`).
    of_vectors
        Whether it says little without item vectors.

    """

    name: str
    score: Callable[[ArmView, np.random.Generator], Floats]
    needs: Need
    draws: Callable[[ArmView, np.random.Generator, int], Floats]
    betas: Callable[[ArmView], tuple[Floats, Floats]] | None = None
    of_vectors: bool = False


def policy_of(
    name: str, needs: Need, draws: Callable[[ArmView, np.random.Generator, int], Floats]
) -> Policy:
    """Make a policy of its many-draws function; one score is the first row of one draw."""

    def score(arms: ArmView, rng: np.random.Generator) -> Floats:
        row: Floats = draws(arms, rng, 1)[0]
        return row

    return Policy(name, score, needs, draws)


def index_policy(name: str, index: Callable[[ArmView], Floats]) -> Policy:
    """Make a policy of a deterministic index; n draws are n equal rows."""

    def draws(arms: ArmView, rng: np.random.Generator, n: int) -> Floats:
        return np.repeat(index(arms)[None, :], n, axis=0)  # (n, n_items)

    return policy_of(name, Need.DETERMINISTIC, draws)


def posterior(arms: ArmView) -> tuple[Floats, Floats]:
    """Beta posterior of every arm, each (n_items,), as it will be once the looks in flight have
    their expected outcome.

    alpha = m k + s + u p,   beta = (1 - m) k + max(n - s, 0) + u (1 - p),   p = mean without u, u =
    looks in flight

    Looks in flight move no mean, but an arm that already has many on their way is as good as known:
    without them a deterministic index shows one slate until the first feedback is back. Where
    examination weights are small a click can stand for less than one look; n - s is then below zero
    and counts as no failure. Desautels, Krause & Burdick (2014), Parallelizing
    Exploration-Exploitation Tradeoffs in Gaussian Process Bandit Optimization.
    """
    alpha = arms.prior_mean * arms.prior_strength + arms.clicks  # (n_items,)
    # (n_items,)
    beta = (1 - arms.prior_mean) * arms.prior_strength + np.maximum(
        arms.impressions - arms.clicks, 0.0
    )
    grown = 1 + arms.in_flight / (alpha + beta)  # (n_items,)
    return alpha * grown, beta * grown


def posterior_mean(arms: ArmView) -> Floats:
    """Posterior mean alpha / (alpha + beta), (n_items,)."""
    alpha, beta = posterior(arms)
    return np.asarray(alpha / (alpha + beta), dtype=np.float64)
