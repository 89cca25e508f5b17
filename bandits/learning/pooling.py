"""Pooling: what an arm of one segment may expect from the same item in the other segments, and from
the global rate.

    theta_si ~ f_s m_i, with m_i c_seg clicks' worth of spread around it         (f_s: how much
    segment s clicks at all)
    w_si = n_si k_i / (n_si + k_i),   k_i = c_seg / m_i                          (looks of s that
    count for m_i)
    m_i  = (sum_s w_si s_si / n_si + a_i A_i) / (sum_s w_si + A_i)               (A_i looks' worth
    of the anchor a_i)
    prior of (s, i): mean f_s m_i,   1 / strength = 1 / k_i + 1 / (sum w + A_i)  (both sums leave
                                     out segment s itself)

A segment with a million looks tells no more about another than k_i looks would: the segments differ
by more than its error. Strengths are counted in clicks (c clicks are c / m looks), so that they
mean the same at a click rate of 17% and of 1.7%. The anchor is the global rate, or what the item's
neighbours in embedding space suggest (`bandits.learning.embedding_prior`). Where segments are made
of context fields, f_s is f_si: what their values say about the item (`field_effects`) is part of
it, and 1 / strength grows by m (1 - m) times what that is unsure of.

DerSimonian & Laird (1986), Meta-analysis in clinical trials (the weights of a random-effects
model); Efron & Morris (1975), Data analysis using Stein's estimator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.learning.field_effects import Effects, shifted

LOWEST_RATE, HIGHEST_RATE = 1e-9, 0.999  # keeps both Beta parameters above zero
# clicks' worth of "a segment clicks as much as all others": a factor within 30% needs about 10
FACTOR_CLICKS = 10.0
FACTOR_STEPS = 2  # alternations between factors and item rates; the third changes the fourth digit


class Anchor(NamedTuple):
    """Where items start from: mean rate, and how many clicks that is worth; each (n_items,)."""

    mean: Floats
    clicks: Floats


class Pool(NamedTuple):
    """What all segments' priors share.

    Attributes
    ----------
    looks, hits
        (n_segments, n_items) effective looks and successes that the pool was made of.
    factor
        How much a segment clicks, relative to all: (n_segments, 1), or (n_segments, n_items) with
        effects of fields.
    weight, weighted
        (n_segments, n_items) w_si, and w_si times the arm's rate on the common scale.
    between
        (n_items,) k_i in looks.
    anchor, anchor_looks
        (n_items,) a_i and A_i.
    item_looks, item_hits
        (n_items,) looks and hits over all segments.
    effects
        Of fields, or None.

    """

    looks: Floats
    hits: Floats
    factor: Floats
    weight: Floats
    weighted: Floats
    weight_sum: Floats
    weighted_sum: Floats
    between: Floats
    anchor: Floats
    anchor_looks: Floats
    item_looks: Floats
    item_hits: Floats
    effects: Effects | None = None


class Priors(NamedTuple):
    """Prior of arms: mean in (0, 1), strength in looks; both (n_segments, n_items), or (n_items,)
    for one segment.
    """

    mean: Floats
    strength: Floats


def pool(
    looks: Floats,
    hits: Floats,
    anchor: Anchor,
    segment_clicks: float,
    effects: Effects | None = None,
) -> Pool:
    """Pool the segments.

    Parameters
    ----------
    looks, hits
        (n_segments, n_items) effective looks and successes.
    anchor
        Where items start from.
    segment_clicks
        c_seg, above 0: how many clicks the common rate is worth for one segment; larger pools more.
    effects
        What the segments' fields say of the same items; None: nothing.

    """
    c = min(max(segment_clicks, 1e-3), 1e9)
    item_looks, item_hits = looks.sum(axis=0), hits.sum(axis=0)  # (n_items,)
    anchor_looks = anchor.clicks / anchor.mean  # (n_items,)
    factor = np.ones((looks.shape[0], 1))
    # (n_items,) item rate, all segments alike
    common = (item_hits + anchor.clicks) / (item_looks + anchor_looks)
    for _ in range(FACTOR_STEPS):
        # (n_segments, n_items)
        lift = np.ones((1, 1)) if effects is None else shifted(common, effects.shift)
        expected = (looks * common * lift).sum(axis=1, keepdims=True)  # (n_segments, 1)
        level = (hits.sum(axis=1, keepdims=True) + FACTOR_CLICKS) / (expected + FACTOR_CLICKS)
        factor = level * lift
        common = (item_hits + anchor.clicks) / ((looks * factor).sum(axis=0) + anchor_looks)
    between = c / common  # (n_items,)
    exposure = np.maximum(looks * factor, hits)  # (n_segments, n_items) looks on the common scale
    # w = exposure * share, and w s / exposure = hits * share
    share = between / (exposure + between)
    weight, weighted = exposure * share, hits * share
    return Pool(
        looks,
        hits,
        factor,
        weight,
        weighted,
        weight.sum(axis=0),
        weighted.sum(axis=0),
        between,
        anchor.mean,
        anchor_looks,
        item_looks,
        item_hits,
        effects,
    )


def prior_of(pooled: Pool, segment: int | None, codes: Sequence[int] = ()) -> Priors:
    """Prior of one segment's arms, (n_items,) each; None is a segment nobody has seen, whose fields
    may have values with these codes.
    """
    effects = pooled.effects
    if segment is None:
        if effects is None:
            return _prior(pooled, pooled.weight_sum, pooled.weighted_sum, np.float64(1.0))
        shift, variance = effects.of(codes or [-1] * len(effects.values))
        common = _mean(pooled, pooled.weight_sum, pooled.weighted_sum)
        return _prior(
            pooled, pooled.weight_sum, pooled.weighted_sum, shifted(common, shift), variance
        )
    weight = np.maximum(pooled.weight_sum - pooled.weight[segment], 0.0)  # (n_items,)
    weighted = np.maximum(pooled.weighted_sum - pooled.weighted[segment], 0.0)
    variance = np.zeros(1) if effects is None else effects.variance[segment]
    return _prior(pooled, weight, weighted, pooled.factor[segment], variance)


def priors_of(pooled: Pool) -> Priors:
    """Priors of all segments, (n_segments, n_items) each."""
    weight = np.maximum(pooled.weight_sum - pooled.weight, 0.0)
    weighted = np.maximum(pooled.weighted_sum - pooled.weighted, 0.0)
    variance = np.zeros(1) if pooled.effects is None else pooled.effects.variance
    return _prior(pooled, weight, weighted, pooled.factor, variance)


def item_rates(pooled: Pool) -> tuple[Floats, Floats]:
    """Effective looks and successes of items over all segments, (n_items,) each: what the anchor is
    learned from.
    """
    return pooled.weight_sum, pooled.weighted_sum


def _mean(pooled: Pool, weight: Floats, weighted: Floats) -> Floats:
    """m_i."""
    mean = weighted + pooled.anchor_looks * pooled.anchor
    return np.asarray(mean / (weight + pooled.anchor_looks), dtype=np.float64)


def _prior(
    pooled: Pool,
    weight: Floats,
    weighted: Floats,
    factor: Floats | np.float64,
    variance: Floats | float = 0.0,
) -> Priors:
    mean, worth = _mean(pooled, weight, weighted), weight + pooled.anchor_looks
    # the same clicks are fewer looks where more is clicked
    strength = 1 / (1 / pooled.between + 1 / worth + mean * (1 - mean) * variance) / factor
    return Priors(np.clip(mean * factor, LOWEST_RATE, HIGHEST_RATE), np.maximum(strength, 1e-6))
