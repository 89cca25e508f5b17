"""The pool as running sums over segments: what changed is taken out as it was and put in as it is.

    E_i = sum_s e_si,  W_i = sum_s w_si,  V_i = sum_s h_si w_si / e_si     (`pooling`: e exposure,
                                                                           w weight, h hits)

Weights depend on k_i and a segment's factor f_s, which move slowly: they stay as they are while a
sweep over all segments is under way, which takes some cells a step and puts what it has passed on
the next k_i and f_s. So a step costs what changed and a slice of the rest, at any number of cells,
and after a sweep nothing is left of its rounding errors. Anchors and strengths are learned from the
sums when a sweep begins.

A part of the counts is known per item only: looks that are no evidence yet, recent counts. With r
the part of an item's looks, segments alike,

    E' = r E,   W' = r E / (1 + r (E / W - 1)),   V' = h' W' / E' (V E / (H W))^r

since segments of equal exposure e = k (E / W - 1) have the sums E and W, and r e each after it.
Not promised: k_i and f_s as of now; they are one sweep old at most.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.learning.embedding_prior import neighbour_anchor
from bandits.learning.empirical_bayes import learn_items
from bandits.learning.pooling import FACTOR_CLICKS, Anchor, Pool
from bandits.learning.priors import PriorConfig
from bandits.learning.recent_counts import CLICKS, EXAMINED
from bandits.learning.sampled_segments import sampled_segment_clicks
from bandits.sparse_counts import SegmentCounts, SparseCounts

CELLS_A_STEP = 200_000  # of a sweep: some 20 ms
AN_EMPTY_SEGMENT = 100  # is worth so many cells of a step
# looks since the last sweep began, as a part of all, that make another one worth it
GROWN = 0.01
LOOKS, HITS, EXPOSURE, WEIGHT, WEIGHTED = range(5)


class RunningPool(NamedTuple):
    """Sums over segments.

    Attributes
    ----------
    anchor, segment_clicks
        Where items start from, (n_items,) each, and c_seg.
    common
        (n_items,) rate that the last sweep began with.
    between
        (2, n_items) k_i of the segments that the sweep has not passed, and of the others.
    passed
        Segments that it has passed; all, where none is under way.
    began
        Looks that there were when it began.
    factor
        (n_segments,) f_s.
    sums
        (2, 5, n_items) looks, hits, exposure, weight and weighted of both.

    """

    anchor: Anchor
    segment_clicks: float
    common: Floats
    between: Floats
    passed: int
    began: float
    factor: Floats
    sums: Floats

    def between_of(self, segment: int | None) -> Floats:
        """(n_items,) k_i that a segment's weights were made with."""
        of: Floats = self.between[int(segment is not None and segment < self.passed)]
        return of


def begin(counts: SparseCounts, config: PriorConfig, vectors: Floats | None = None) -> RunningPool:
    """The pool of all counts, by one sweep over all of them."""
    n_items, start = counts.n_items, _start(counts, config)
    n, s = np.maximum(counts.items[[EXAMINED, CLICKS]], 0.0)
    rate, clicks = learn_items(n, s, start, config.item_clicks)
    flat = Anchor(np.full(n_items, rate), np.full(n_items, clicks))
    common = (s + flat.clicks) / (n + flat.clicks / flat.mean)
    c = _segment_clicks(counts, flat, config)
    between = np.repeat((_bounded(c) / common)[None], 2, axis=0)
    factor, sums = np.ones(len(counts.segments)), np.zeros((2, 5, n_items))
    pool = RunningPool(flat, c, common, between, 0, float(n.sum()), factor, sums)
    pool = _swept(pool, counts, np.inf, first=True)
    return _next_sweep(pool, counts, config, vectors)


def step(
    pool: RunningPool,
    before: SparseCounts,
    after: SparseCounts,
    changed: list[int],
    config: PriorConfig,
    vectors: Floats | None = None,
    *,
    renewed: bool = False,
) -> RunningPool:
    """The pool of later counts, of which some segments changed.

    Parameters
    ----------
    pool, before
        The pool, and the counts that it is of.
    after, changed
        Counts now, and the numbers of segments that differ; new ones among them.
    config, vectors
        How much to borrow, and (n_items, d) embeddings, or None: for a sweep that begins.
    renewed
        Whether the embeddings are others: then one begins as soon as the last is done.

    """
    grown = after.n_items > pool.common.size
    pool = _padded(pool, after, config)
    sums, factor = pool.sums.copy(), pool.factor.copy()
    for segment in changed:
        of = sums[int(segment < pool.passed)]
        between = pool.between_of(segment)
        if segment < len(before.segments):
            _put(of, before.segments[segment], factor[segment], between, -1.0)
        factor[segment] = _factor(after.segments[segment], pool.common)
        _put(of, after.segments[segment], factor[segment], between, 1.0)
    pool = _swept(pool._replace(sums=sums, factor=factor), after, CELLS_A_STEP)
    looks = float(after.items[EXAMINED].sum())
    due = renewed or grown or looks > (1 + GROWN) * pool.began
    if pool.passed < len(after.segments) or not due:
        return pool
    return _next_sweep(pool, after, config, vectors)


class Thinned(NamedTuple):
    """Sums over segments of a part of the counts, (n_items,) each: as in `Pool`."""

    weight: Floats
    weighted: Floats
    looks: Floats
    hits: Floats


def thinned(pool: RunningPool, part: Floats, hits: Floats) -> Thinned:
    """A part of the counts.

    Parameters
    ----------
    pool
        Of all counts.
    part
        (n_items,) r, part of each item's looks.
    hits
        (n_items,) hits with them.

    """
    # differences of floats may leave -1e-17
    n, s, e, w, v = np.maximum(pool.sums[0] + pool.sums[1], 0.0)
    slack = np.maximum(np.where(w > 0, e / np.where(w > 0, w, 1.0), 1.0) - 1, 0.0)  # E / W - 1
    share = 1 / (1 + part * slack)
    uneven = np.where(s > 0, v / np.where(s > 0, s, 1.0), 1.0) * (1 + slack)  # V E / (H W)
    return Thinned(part * e * share, hits * share * uneven**part, part * n, hits)


def segment_pool(
    pool: RunningPool, of_all: Thinned, segment: int | None, looks: Floats, hits: Floats
) -> Pool:
    """What one segment's priors are made of: a pool of that segment, with the sums of all.

    Parameters
    ----------
    pool, of_all
        Sums over segments, and the part of them that is looked at.
    segment
        Its number; None is one without counts.
    looks, hits
        (n_items,) of the segment.

    """
    between = pool.between_of(segment)
    f = 1.0 if segment is None else float(pool.factor[segment])
    own = np.maximum(looks * f, hits)
    share = between / (own + between)
    return Pool(
        looks[None],
        hits[None],
        np.array([[f]]),
        (own * share)[None],
        (hits * share)[None],
        of_all.weight,
        of_all.weighted,
        between,
        pool.anchor.mean,
        pool.anchor.clicks / pool.anchor.mean,
        of_all.looks,
        of_all.hits,
    )


def _start(counts: SparseCounts, config: PriorConfig) -> float:
    looks, hits = counts.items[EXAMINED].sum(), counts.items[CLICKS].sum()
    start = (hits + config.base_clicks) / (looks + config.base_clicks / config.base_rate)
    return float(np.clip(start, 1e-9, 0.9))


def _bounded(segment_clicks: float) -> float:
    return min(max(segment_clicks, 1e-3), 1e9)


def _put(of: Floats, counts: SegmentCounts, f: float, between: Floats, sign: float) -> None:
    """Add what a segment adds to the sums (5, n_items), or take it out."""
    items = counts.items
    n = np.maximum(counts.sums[EXAMINED], 0.0)
    s = np.maximum(counts.sums[CLICKS], 0.0)
    exposure = np.maximum(n * f, s)  # (n,)
    share = between[items]
    share /= exposure + share
    for row, column in zip(of, (n, s, exposure, exposure * share, s * share), strict=True):
        row[items] += sign * column


def _factor(counts: SegmentCounts, common: Floats) -> float:
    expected = float((np.maximum(counts.sums[EXAMINED], 0.0) * common[counts.items]).sum())
    return (float(counts.sums[CLICKS].sum()) + FACTOR_CLICKS) / (expected + FACTOR_CLICKS)


def _swept(
    pool: RunningPool, counts: SparseCounts, cells: float, *, first: bool = False
) -> RunningPool:
    """Pass segments of so many cells; at the `first` sweep they have added nothing before."""
    sums, factor, passed = pool.sums.copy(), pool.factor.copy(), pool.passed
    while passed < len(counts.segments) and cells > 0:
        own = counts.segments[passed]
        if not first:
            _put(sums[0], own, factor[passed], pool.between[0], -1.0)
        factor[passed] = _factor(own, pool.common)
        _put(sums[1], own, factor[passed], pool.between[1], 1.0)
        cells -= own.items.size + AN_EMPTY_SEGMENT
        passed += 1
    return pool._replace(sums=sums, factor=factor, passed=passed)


def _next_sweep(
    pool: RunningPool, counts: SparseCounts, config: PriorConfig, vectors: Floats | None
) -> RunningPool:
    """All segments are passed: learn from the sums, and begin anew."""
    looks, hits, _exposure, weight, weighted = np.maximum(pool.sums[1], 0.0)
    rate, clicks = learn_items(weight, weighted, _start(counts, config), config.item_clicks)
    n_items = counts.n_items
    anchor = Anchor(np.full(n_items, rate), np.full(n_items, clicks))
    if vectors is not None:
        anchor = neighbour_anchor(weight, weighted, vectors, rate, clicks)
    c = _segment_clicks(counts, anchor, config)
    common = (hits + anchor.clicks) / (looks + anchor.clicks / anchor.mean)
    between = np.stack([pool.between[1], _bounded(c) / common])
    sums = np.stack([pool.sums[1], np.zeros_like(pool.sums[1])])
    return RunningPool(anchor, c, common, between, 0, float(looks.sum()), pool.factor, sums)


def _segment_clicks(counts: SparseCounts, anchor: Anchor, config: PriorConfig) -> float:
    set_clicks = config.segment_clicks
    return sampled_segment_clicks(counts, anchor) if set_clicks is None else set_clicks


def _padded(pool: RunningPool, counts: SparseCounts, config: PriorConfig) -> RunningPool:
    """Room for new items, which start from what most others start from, and segments."""
    n_new = counts.n_items - pool.common.size
    factor = np.append(pool.factor, np.ones(len(counts.segments) - pool.factor.size))
    if not n_new:
        return pool._replace(factor=factor)
    known = pool.common.size > 0
    rate = float(np.median(pool.anchor.mean)) if known else config.base_rate
    clicks = float(np.median(pool.anchor.clicks)) if known else config.base_clicks
    rates, worth = np.full(n_new, rate), np.full(n_new, clicks)
    between = np.full((2, n_new), _bounded(pool.segment_clicks) / rate)
    return pool._replace(
        anchor=Anchor(np.append(pool.anchor.mean, rates), np.append(pool.anchor.clicks, worth)),
        common=np.append(pool.common, rates),
        between=np.concatenate([pool.between, between], axis=1),
        factor=factor,
        sums=np.concatenate([pool.sums, np.zeros((2, 5, n_new))], axis=2),
    )
