"""What exploration is measured against: the posterior-mean slate of the same request, the items
with the highest posterior click rates among those that may be shown, highest first.

    given up by a slate = sum_j e_j (best_j - mean_j),   e_j the examination of place j

`best_j` stands in `why` of the item at place j. What is given up is the price of exploring, and of
whatever else makes the policy look past the click rate: other objectives, diversity, limits.

Not promised: the posterior mean of a slate's items is not what they would earn together.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import Floats
from bandits.slates.request import Request, SlateResult
from bandits.slates.snapshot_pools import Items, Snapshot, eligible_for

KEPT = 256  # leaders of a segment: longest slate, and as many exclusions


def best_means(snapshot: Snapshot, request: Request) -> Floats:
    """Means of the posterior-mean slate of a request, at most (k,), highest first."""
    mean, k = snapshot.view.mean, request.k
    if request.candidates is None:
        leaders = _leaders(snapshot)
        if request.exclude.size:
            leaders = leaders[~np.isin(leaders, request.exclude)]
        if leaders.size >= k or snapshot.available.size <= KEPT:
            return np.asarray(mean[leaders[:k]], dtype=np.float64)
    eligible = eligible_for(snapshot, request)
    return np.asarray(mean[_highest(mean, eligible, k)], dtype=np.float64)


def with_best(snapshot: Snapshot, request: Request, result: SlateResult) -> SlateResult:
    """The slate, with `best` in `why` of each item; dicts of a result are its own."""
    best = best_means(snapshot, request).tolist()
    for parts, each in zip(result.why, best, strict=False):
        parts["best"] = each
    return result


def _leaders(snapshot: Snapshot) -> Items:
    if not snapshot.leaders:
        found = _highest(snapshot.view.mean, snapshot.available, KEPT)
        snapshot.leaders.append(found)
    return snapshot.leaders[0]


def _highest(mean: Floats, items: Items, k: int) -> Items:
    """The k items with the highest means, highest first."""
    if k < items.size:
        items = items[np.argpartition(-mean[items], k)[:k]] if k else items[:0]
    return items[np.argsort(-mean[items], kind="stable")]
