"""Beliefs from running sums: what `bandits.learning.priors` works out of all cells at each look,
for counts of so many cells that only what changed can be looked at.

What is known per item, over all segments together, is taken to be spread over them like the item's
counts: looks that are no evidence yet, and recent counts with the odds of a change
(`bandits.learning.change_detection`, with all segments as one).

    recent looks of (s, i) = n_si M_i / N_i        M: recent looks of the item, N: all

Not promised: a change in one segment alone is seen as far as the item's sum shows it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bandits.arms import Floats
from bandits.counts import Counts
from bandits.learning.change_detection import change_odds
from bandits.learning.pooling import pool as pool_of
from bandits.learning.priors import Beliefs
from bandits.learning.recent_counts import (
    CLICKS,
    COLUMNS,
    CONVERSIONS,
    EXAMINED,
    IMPRESSIONS,
    VALUE,
)
from bandits.learning.running_pool import RunningPool, Thinned, segment_pool, thinned
from bandits.sparse_counts import SparseCounts


class ItemEvidence(NamedTuple):
    """What is known per item.

    Attributes
    ----------
    pending
        (n_items,) looks that are no evidence yet.
    recent
        Recent counts (5, n_items), shortest memory first.
    discount
        What the discounted columns of the counts are worth now; None where there are none. Then
        they are the only memory, and known of each cell.

    """

    pending: Floats
    recent: tuple[Floats, ...] = ()
    discount: float | None = None


class RunningBeliefs(NamedTuple):
    """What all segments share.

    Attributes
    ----------
    counts, pool, evidence
        The counts, their pool, and what is known per item.
    parts
        Of each memory, shortest first, and of the whole: (5, n_items) part of every column.
    sums
        The same over all segments.
    totals
        Counts (1, n_items) over all segments.
    odds
        (n_memories, n_items) which memory holds, or None with the whole alone.

    """

    counts: SparseCounts
    pool: RunningPool
    evidence: ItemEvidence
    parts: tuple[Floats, ...]
    sums: tuple[Thinned, ...]
    totals: Counts
    odds: Floats | None


def believe(counts: SparseCounts, pool: RunningPool, evidence: ItemEvidence) -> RunningBeliefs:
    """What all segments share, of counts and their pool."""
    whole = np.maximum(counts.items[: len(COLUMNS)], 0.0)  # (5, n_items)
    recent = evidence.recent
    if evidence.discount is not None:
        recent = (np.maximum(counts.items[len(COLUMNS) :] * evidence.discount, 0.0),)
    seen = np.where(whole != 0, whole, 1.0)
    parts = tuple(np.clip(memory / seen, 0.0, 1.0) for memory in (*recent, whole))
    settled = [_settled(whole * part, evidence.pending) for part in parts]  # (2, n_items) each
    looks = np.where(whole[EXAMINED] > 0, whole[EXAMINED], 1.0)
    sums = tuple(thinned(pool, n / looks, s) for n, s in settled)
    totals = _counts(counts.items[: len(COLUMNS)], evidence.pending)
    if len(settled) == 1:
        return RunningBeliefs(counts, pool, evidence, parts, sums, totals, None)
    shortest = settled[0]
    rests = [np.maximum(each - shortest, 0.0) for each in settled]
    pools = [
        pool_of(n[None], s[None], pool.anchor, pool.segment_clicks) for n, s in (shortest, *rests)
    ]
    odds = change_odds(pools[0], pools[1:])
    return RunningBeliefs(counts, pool, evidence, parts, sums, totals, odds)


def of_segment(beliefs: RunningBeliefs, segment: int | None) -> tuple[Counts, Beliefs]:
    """Counts (1, n_items) and beliefs of one segment alone, as `priors.arm_view` takes them.

    Parameters
    ----------
    beliefs
        Of all segments.
    segment
        Its number; None is one without counts: then only the beliefs say something.

    """
    row = beliefs.counts.row(segment)  # (n_columns, n_items)
    whole, discount = row[: len(COLUMNS)], beliefs.evidence.discount
    if discount is None:
        rows = [whole * part for part in beliefs.parts]
    else:
        rows = [row[len(COLUMNS) :] * discount, whole]
    total = beliefs.counts.items[EXAMINED]
    share = whole[EXAMINED] / np.where(total > 0, total, 1.0)  # (n_items,) of the item's looks
    pending = beliefs.evidence.pending * np.clip(share, 0.0, 1.0)
    pools = []
    for memory, of_all in zip(rows, beliefs.sums, strict=True):
        n, s = _settled(memory, pending)
        pools.append(segment_pool(beliefs.pool, of_all, segment, n, s))
    *recent, counts = (_counts(memory, pending) for memory in rows)
    return counts._replace(recent=tuple(recent)), Beliefs(tuple(pools), beliefs.odds)


def _settled(memory: Floats, pending: Floats) -> Floats:
    """Looks that are evidence, and hits: (2, n_items)."""
    return np.maximum([memory[EXAMINED] - pending, memory[CLICKS]], 0.0)


def _counts(memory: Floats, pending: Floats) -> Counts:
    """Counts (1, n_items) of columns (5, n_items)."""
    n, c, v, x = np.maximum(memory[[IMPRESSIONS, CLICKS, CONVERSIONS, EXAMINED]], 0.0)[:, None]
    return Counts(n, c, v, memory[VALUE][None], x, np.minimum(pending[None], x))
