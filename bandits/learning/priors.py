"""Priors from general to specific, and the view of one segment that all policies read.

    global rate -> the item's neighbours (`embedding_prior`) -> the item over all segments
    (`pooling`) -> what the fields of the segment say (`field_effects`) -> the arm's own counts

with strengths learned (`strength`) or set, in clicks; and, where counts carry memories, forgetting
as far as change demands (`forgetting`). `learn` does what all segments share, once per look at the
counts; `arm_view` is then cheap for each segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from bandits.arms import ArmView, Floats
from bandits.counts import Counts
from bandits.learning.change_detection import change_odds, mix
from bandits.learning.embedding_prior import neighbour_anchor
from bandits.learning.empirical_bayes import MIDDLE, learn_items, learn_segment_clicks
from bandits.learning.field_effects import Effects, fit_effects
from bandits.learning.field_fit import Ints
from bandits.learning.pooling import Anchor, Pool, Priors, item_rates, pool, prior_of, priors_of
from bandits.learning.segment_groups import Splits, find_splits

Target = Literal["clicks", "conversions"]


@dataclass(frozen=True, slots=True)
class PriorConfig:
    """How much to borrow.

    Attributes
    ----------
    segment_clicks
        Clicks' worth that an arm borrows from the item's other segments; larger pools more; 0 keeps
        segments apart. None learns it.
    item_clicks
        Clicks' worth that an item borrows from the global rate or its neighbours; larger trusts
        them longer. None learns it.
    base_rate
        Success rate assumed before the first click anywhere, in (0, 1).
    base_clicks
        What that assumption is worth, in clicks.

    """

    segment_clicks: float | None = None
    item_clicks: float | None = None
    base_rate: float = 0.05
    base_clicks: float = 1.0


class Strengths(NamedTuple):
    """What moves slowly and costs most: where items start from, c_seg in clicks, and what fields
    say, of these very segments. Good for later counts of the same items.
    """

    anchor: Anchor
    segment_clicks: float
    effects: Effects | None = None


class Beliefs(NamedTuple):
    """What all segments share.

    Attributes
    ----------
    pools
        One per memory, shortest first; the last is the whole log.
    odds
        (n_memories, n_items) which memory holds, or None with the whole log alone.

    """

    pools: tuple[Pool, ...]
    odds: Floats | None


def strengths(
    counts: Counts,
    config: PriorConfig | None = None,
    vectors: Floats | None = None,
    *,
    target: Target = "clicks",
    codes: Ints | None = None,
) -> Strengths:
    """Learn from the whole log what is not set: the global rate, anchors, c_item and c_seg.

    Parameters
    ----------
    counts
        (n_segments, n_items).
    config
        How much to borrow; None learns everything.
    vectors
        (n_items, d) embeddings, or None; a row of zeros is an item without.
    target
        What counts as success.
    codes
        (n_segments, n_fields) of the fields that segments are made of, as `fit_effects` takes them;
        None, or fewer than two fields: segments are names.

    """
    config = config or PriorConfig()
    looks, hits = _evidence(counts, target)
    n_items = looks.shape[1]
    start = _start(looks, hits, config)
    n, s = looks.sum(axis=0), hits.sum(axis=0)  # (n_items,)
    rate, clicks = learn_items(n, s, start, config.item_clicks)
    if looks.shape[0] > 1:
        # Items are compared by what the segments together say of them, each segment bounded as in
        # the pool. subtle: from a rate learned before, not from clicks by looks: an anchor that
        # expects what the winners earn takes every segment for one that clicks little.
        flat = Anchor(np.full(n_items, rate), np.full(n_items, clicks))
        c = MIDDLE if config.segment_clicks is None else config.segment_clicks
        n, s = item_rates(pool(looks, hits, flat, c))
        rate, clicks = learn_items(n, s, rate, config.item_clicks)
    anchor = Anchor(np.full(n_items, rate), np.full(n_items, clicks))
    if vectors is not None:
        anchor = neighbour_anchor(n, s, vectors, rate, clicks)
    effects = None
    if codes is not None and codes.shape[1] > 1 and looks.shape[0] > 1:
        effects = fit_effects(looks, hits, anchor.mean, anchor.clicks, codes)
    if config.segment_clicks is not None:
        return Strengths(anchor, config.segment_clicks, effects)
    return Strengths(anchor, learn_segment_clicks(looks, hits, anchor, effects), effects)


def splits_of(
    counts: Counts, config: PriorConfig | None, codes: Ints, *, target: Target = "clicks"
) -> Splits:
    """Which fields are worth serving apart by; parameters as of `strengths`."""
    config = config or PriorConfig()
    looks, hits = _evidence(counts, target)
    n, s = looks.sum(axis=0), hits.sum(axis=0)  # (n_items,)
    rate, clicks = learn_items(n, s, _start(looks, hits, config), config.item_clicks)
    flat = np.full(n.size, rate), np.full(n.size, clicks)
    return find_splits(looks, hits, *flat, codes)


def learn(
    counts: Counts,
    config: PriorConfig | None = None,
    vectors: Floats | None = None,
    *,
    target: Target = "clicks",
    shared: Strengths | None = None,
    codes: Ints | None = None,
) -> Beliefs:
    """Work out what all segments share: pools, and which memory holds.

    Parameters
    ----------
    counts
        (n_segments, n_items); memories in `counts.recent` are used when there.
    config, vectors, target, codes
        As for `strengths`.
    shared
        What `strengths` returned, now or a little earlier; None works it out here.

    """
    anchor, segment_clicks, effects = (
        strengths(counts, config, vectors, target=target, codes=codes) if shared is None else shared
    )
    looks, hits = _evidence(counts, target)
    whole = pool(looks, hits, anchor, segment_clicks, effects)
    if not counts.recent:
        return Beliefs((whole,), None)
    memories = [_evidence(copy, target) for copy in counts.recent] + [(looks, hits)]
    n0, s0 = memories[0]
    rests = [
        pool(np.maximum(n - n0, 0.0), np.maximum(s - s0, 0.0), anchor, segment_clicks, effects)
        for n, s in memories
    ]
    pools = [pool(n, s, anchor, segment_clicks, effects) for n, s in memories[:-1]] + [whole]
    return Beliefs(tuple(pools), change_odds(pools[0], rests))


def priors(
    counts: Counts,
    config: PriorConfig | None = None,
    vectors: Floats | None = None,
    *,
    target: Target = "clicks",
) -> Priors:
    """Priors of all arms of all segments from the whole log, (n_segments, n_items) each."""
    return priors_of(learn(counts._replace(recent=()), config, vectors, target=target).pools[-1])


def arm_view(
    counts: Counts,
    segment: int | None,
    config: PriorConfig | None = None,
    vectors: Floats | None = None,
    *,
    target: Target = "clicks",
    beliefs: Beliefs | None = None,
    codes: Sequence[int] = (),
) -> ArmView:
    """One segment as its policies see it.

    Parameters
    ----------
    counts
        (n_segments, n_items).
    segment
        Its index; None is a segment nobody has seen: pooled prior, no counts of its own.
    config, vectors, target
        As for `learn`.
    beliefs
        What `learn` returned for the same counts; None works it out here.
    codes
        Where the segment is None: values of its fields, if `beliefs` know fields; -1 is unknown.

    """
    shared = learn(counts, config, vectors, target=target) if beliefs is None else beliefs
    whole = shared.pools[-1]
    none = np.zeros(whole.between.size)  # (n_items,)
    rows = [none if segment is None else p.looks[segment] for p in shared.pools]
    hits = [none if segment is None else p.hits[segment] for p in shared.pools]
    prior = prior_of(whole, segment, codes)
    n, s, k = rows[-1], hits[-1], prior.strength
    if shared.odds is not None:
        alpha, beta = mix(
            [prior_of(p, segment, codes) for p in shared.pools], rows, hits, shared.odds
        )
        # The mixture as counts again: the prior as it was, or weaker where the mixture is less sure
        # than it.
        k = np.minimum(k, np.minimum(alpha / prior.mean, beta / (1 - prior.mean)))
        s, n = alpha - prior.mean * k, alpha + beta - k
    copies = (*counts.recent, counts)
    odds = np.ones((1, none.size)) if shared.odds is None else shared.odds

    def recall(name: str) -> Floats:
        if segment is None:
            return none
        kept: Floats = sum(
            (q * getattr(copy, name)[segment] for q, copy in zip(odds, copies, strict=True)), none
        )
        return kept

    return ArmView(
        impressions=n,
        clicks=s,
        conversions=recall("conversions"),
        value=recall("value"),
        prior_mean=prior.mean,
        prior_strength=k,
        total=float(n.sum()),
        vectors=vectors,
        pooled_impressions=whole.item_looks,
        pooled_clicks=whole.item_hits,
        in_flight=none if segment is None else counts.pending[segment],
    )


def _start(looks: Floats, hits: Floats, config: PriorConfig) -> float:
    """Successes by looks, where the search for the global rate starts."""
    worth = config.base_clicks / config.base_rate
    return float(np.clip((hits.sum() + config.base_clicks) / (looks.sum() + worth), 1e-9, 0.9))


def _evidence(counts: Counts, target: Target) -> tuple[Floats, Floats]:
    looks = np.maximum(counts.examined - counts.pending, 0.0)  # (n_segments, n_items)
    hits = counts.clicks if target == "clicks" else counts.conversions
    return looks, hits
