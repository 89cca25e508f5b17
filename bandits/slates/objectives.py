"""Objectives: one number per item for what a slate is to be good at, all brought to one scale.

    click        E[click | look]                        posterior mean m; the policies score it in
                                                        its place
    conversion   m (v_a + c q_a) / (s_a + c)            v, s: conversions and clicks of the arm
    value        m (w_a + c r_a) / (s_a + c)            w: summed value; q_a, r_a: the same ratio
                                                        over all segments
    relevance    <user, item>                           cosine of the user's and the item's unit
                                                        vector
    freshness    2 ^ -((now - first seen) / half-life)

    calibrated x = mu + sigma (x - mean(x)) / sd(x)     mu, sigma: mean and spread of the click
                                                        objective

where mean and sd run over the items that may be shown, and sigma^2 = var_a(m_a) + mean_a(posterior
variance of a) is the variance of a Thompson draw of a random item: all objectives are then in units
of a click rate, a weight says how many spreads of one buy one of another, and relevance still
decides where nothing is known (m_a all equal, sigma > 0). An unknown value (no vector, no first
time) counts as the mean. Wrong tool when an objective is heavy-tailed: one item of enormous value
then sets the scale; cap values first.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats, posterior, posterior_mean
from bandits.counts import Counts

# Conversions and values per click lean on the item's average, then on everybody's, with this many
# clicks: at 10 clicks of its own an arm speaks half for itself. Smaller follows single lucky sales.
BORROWED_CLICKS = 10.0


class Facts(NamedTuple):
    """What objectives read.

    Attributes
    ----------
    counts
        All segments, (n_segments, n_items), or their sums in one row.
    arms
        The segment's view.
    first_seen_s
        (n_items,) seconds since the epoch, NaN where unknown.
    vectors
        (n_items, d) unit rows, a zero row where there is none yet; or None.
    user
        (d,) unit vector, or None.
    now_s, freshness_half_life_s
        Seconds.

    """

    counts: Counts
    arms: ArmView
    first_seen_s: Floats
    vectors: NDArray[np.float32] | None
    user: NDArray[np.float32] | None
    now_s: float
    freshness_half_life_s: float


class Scale(NamedTuple):
    """Mean and spread of the click objective over the items that may be shown."""

    mean: float
    spread: float


def click(facts: Facts) -> Floats:
    """Posterior mean of a click per look, (n_items,)."""
    return posterior_mean(facts.arms)


def conversion(facts: Facts) -> Floats:
    """Conversions expected per look, (n_items,)."""
    return click(facts) * _per_click(facts.arms.conversions, facts.counts.conversions, facts)


def value(facts: Facts) -> Floats:
    """Value expected per look, (n_items,), in the unit of the events' `value`."""
    return click(facts) * _per_click(facts.arms.value, facts.counts.value, facts)


def relevance(facts: Facts) -> Floats:
    """Cosine to the user's vector in [-1, 1], (n_items,); NaN without a user, or for an item
    without a vector.
    """
    if facts.user is None or facts.vectors is None:
        return np.full(facts.arms.clicks.size, np.nan)
    cosine = (facts.vectors @ facts.user).astype(np.float64)  # (n_items,)
    return np.where(facts.vectors.any(axis=1), cosine, np.nan) if not cosine.all() else cosine


def freshness(facts: Facts) -> Floats:
    """Halved every half-life since the item was first seen, in (0, 1], (n_items,); NaN where that
    is unknown.
    """
    age_s = np.maximum(facts.now_s - facts.first_seen_s, 0.0)  # (n_items,)
    return np.asarray(2.0 ** (-age_s / facts.freshness_half_life_s), dtype=np.float64)


OBJECTIVES: dict[str, Callable[[Facts], Floats]] = {
    "click": click,
    "conversion": conversion,
    "value": value,
    "relevance": relevance,
    "freshness": freshness,
}


def click_scale(arms: ArmView, shown: NDArray[np.bool_]) -> Scale:
    """Scale that every objective is brought to, over the items that may be shown,
    (n_items,) bool.
    """
    if not shown.any():
        return Scale(0.0, 0.0)
    alpha, beta = (x[shown] for x in posterior(arms))
    m, worth = alpha / (alpha + beta), alpha + beta
    return Scale(float(m.mean()), float(np.sqrt(m.var() + (m * (1 - m) / (worth + 1)).mean())))


def calibrate(x: Floats, scale: Scale, shown: NDArray[np.bool_] | slice = slice(None)) -> Floats:
    """Bring an objective to the click scale, (n_items,); mean and sd are those of x[shown], unknown
    is the mean.
    """
    known = x[shown]
    known = known[np.isfinite(known)]
    if known.size == 0:
        return np.full(x.shape, scale.mean)
    mean, sd = float(known.mean()), float(known.std())
    # An objective that is the same for all items says nothing; its rounding must not be blown up to
    # a spread of one.
    if sd <= 1e-12 * max(abs(mean), 1e-300):
        return np.full(x.shape, scale.mean)
    return np.where(np.isfinite(x), scale.mean + scale.spread * (x - mean) / sd, scale.mean)


def _per_click(amount: Floats, amounts: Floats, facts: Facts) -> Floats:
    """Amount per click of the arm, (n_items,), from its own and those of all segments (n_segments,
    n_items).
    """
    c = BORROWED_CLICKS
    pooled, clicks = amounts.sum(axis=0), facts.counts.clicks.sum(axis=0)  # (n_items,)
    everybody = float(pooled.sum()) / max(float(clicks.sum()), c)  # scalar
    item = (pooled + c * everybody) / (clicks + c)  # (n_items,)
    return np.asarray((amount + c * item) / (facts.arms.clicks + c), dtype=np.float64)  # (n_items,)
