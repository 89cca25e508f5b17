"""Priors from general to specific: global rate -> the item over all segments -> its neighbours -> the arm's own counts.

    m_i = (S_i + k_i g) / (N_i + k_i)          item over the segments, shrunk to the global rate g
    1 / k_si = 1 / (c / m_i) + 1 / (N_i + k_i)   worth of m_i as a prior for one segment, in looks

S_i and N_i leave out the segment itself. Strengths are counted in clicks (c clicks are c / m looks), never in looks,
so that they mean the same at a click rate of 17% and of 1.7%; `learn_strengths` estimates them from the counts
(empirical Bayes).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats
from bandits.counts import Counts

Target = Literal["clicks", "conversions"]


@dataclass(frozen=True, slots=True)
class PriorConfig:
    """How much to borrow.

    Attributes
    ----------
    segment_clicks
        Clicks' worth that an arm borrows from the item's other segments; larger pools more; 0 keeps segments apart,
        infinity keeps one rate per item. None learns it from the counts.
    item_clicks
        Clicks' worth that an item borrows from the global rate or its neighbours; None learns it.
    base_rate
        Success rate assumed before the first click anywhere, in (0, 1).
    base_clicks
        What that assumption is worth, in clicks.

    """

    segment_clicks: float | None = 30.0
    item_clicks: float | None = 3.0
    base_rate: float = 0.05
    base_clicks: float = 1.0


class Priors(NamedTuple):
    """Prior of every arm: mean in (0, 1), strength in looks; each (n_segments, n_items)."""

    mean: Floats
    strength: Floats


def priors(
    counts: Counts, config: PriorConfig | None = None, vectors: Floats | None = None, *, target: Target = "clicks"
) -> Priors:
    """Priors of all arms of all segments."""
    n_segments = counts.impressions.shape[0]
    rows = [_prior_row(counts, s, config or PriorConfig(), target) for s in range(n_segments)]
    return Priors(np.stack([r.mean for r in rows]), np.stack([r.strength for r in rows]))


def arm_view(
    counts: Counts,
    segment: int | None,
    config: PriorConfig | None = None,
    vectors: Floats | None = None,
    *,
    target: Target = "clicks",
) -> ArmView:
    """One segment as its policies see it; None is a segment nobody has seen: pooled prior, no counts of its own."""
    config = config or PriorConfig()
    looks = np.maximum(counts.examined - counts.unripe, 0.0)  # (n_segments, n_items)
    hits = getattr(counts, target)  # (n_segments, n_items)
    none = np.zeros(looks.shape[1])
    row = _prior_row(counts, segment, config, target)
    own = none if segment is None else looks[segment]  # (n_items,)

    def pick(array: NDArray[np.float64]) -> Floats:
        return none if segment is None else array[segment]

    return ArmView(
        impressions=own,
        clicks=pick(hits),
        conversions=pick(counts.conversions),
        value=pick(counts.value),
        prior_mean=row.mean,
        prior_strength=row.strength,
        total=float(own.sum()),
        vectors=vectors,
        pooled_impressions=looks.sum(axis=0),
        pooled_clicks=hits.sum(axis=0),
    )


def _prior_row(counts: Counts, segment: int | None, config: PriorConfig, target: Target) -> Priors:
    looks = np.maximum(counts.examined - counts.unripe, 0.0)  # (n_segments, n_items)
    hits = getattr(counts, target)  # (n_segments, n_items)
    n_all, s_all = looks.sum(), hits.sum()
    base = (s_all + config.base_clicks) / (n_all + config.base_clicks / config.base_rate)  # scalar
    n, s = looks.sum(axis=0), hits.sum(axis=0)  # (n_items,)
    if segment is not None:
        n, s = n - looks[segment], s - hits[segment]
    item_clicks = 3.0 if config.item_clicks is None else config.item_clicks
    segment_clicks = 30.0 if config.segment_clicks is None else config.segment_clicks
    k_item = item_clicks / base  # looks
    n = np.maximum(n, s)
    mean = np.clip((s + k_item * base) / (n + k_item), 1e-6, 1 - 1e-6)  # (n_items,)
    strength = np.minimum(n + k_item, max(segment_clicks, 0.1) / mean)  # (n_items,)
    return Priors(mean, strength)
