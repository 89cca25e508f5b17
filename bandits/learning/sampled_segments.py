"""c_seg of very many cells (`empirical_bayes.learn_segment_clicks`), from a sample of segments and
of the items that these show. Neither looks at how often anything was shown.
"""

from __future__ import annotations

import numpy as np

from bandits.learning.empirical_bayes import learn_segment_clicks
from bandits.learning.item_sample import item_sample
from bandits.learning.pooling import Anchor
from bandits.learning.recent_counts import CLICKS, EXAMINED
from bandits.sparse_counts import SparseCounts

SEGMENTS, CELLS = 50, 100_000  # at most, seen or not: a third of a second


def sampled_segment_clicks(counts: SparseCounts, anchor: Anchor) -> float:
    """c_seg of counts of at least 5 columns, whose items start from `anchor`."""
    filled = np.flatnonzero([each.items.size > 0 for each in counts.segments])
    some = [counts.segments[at] for at in item_sample(filled, SEGMENTS)]
    if not some:
        return learn_segment_clicks(np.zeros((1, 0)), np.zeros((1, 0)), anchor)
    shown = np.unique(np.concatenate([each.items for each in some])).astype(np.intp)
    items = item_sample(shown, CELLS // len(some))
    looks, hits = np.zeros((2, len(some), items.size))
    for row, each in enumerate(some):
        at = np.searchsorted(each.items, items)
        at[at == each.items.size] = 0
        there = each.items[at] == items
        looks[row, there] = np.maximum(each.sums[EXAMINED][at[there]], 0.0)
        hits[row, there] = np.maximum(each.sums[CLICKS][at[there]], 0.0)
    own = Anchor(anchor.mean[items], anchor.clicks[items])
    return learn_segment_clicks(looks, hits, own, largest=looks.size)
