"""Slates of a pool or of a law, mixed with the policy file's floor (`bandits.slates.floor`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bandits.arms import Floats
from bandits.slates.floor import Floor, make_floor, mixed, propensity, random_result
from bandits.slates.law import Law, law_of_pool
from bandits.slates.pool import SlatePool
from bandits.slates.request import Request, SlateResult
from bandits.slates.snapshot_pools import (
    KEPT_POOLS,
    Snapshot,
    digest,
    eligible_for,
    pool_for,
    sample,
    weights_key,
)


def of_pool(
    snapshot: Snapshot,
    pool: SlatePool,
    requests: Sequence[Request],
    members: Sequence[int],
    rng: np.random.Generator,
) -> list[SlateResult]:
    """Slates of one pool, for requests that may differ in items they exclude that it never shows:
    a floor's randomness knows those.
    """
    k = requests[members[0]].k
    if snapshot.view.config.exploration.floor == 0:
        return sample(snapshot, pool, k, len(members), rng)
    results: dict[int, SlateResult] = {}
    alike = [i for i in members if not _is_own(requests[i])]
    for together in [alike, *([i] for i in members if _is_own(requests[i]))]:
        if together:
            request = requests[together[0]]
            made = _mixed_slates(snapshot, request, pool, len(together), rng)
            results.update(zip(together, made, strict=True))
    return [results[i] for i in members]


def of_law(
    snapshot: Snapshot, request: Request, result: SlateResult, law: Law, rng: np.random.Generator
) -> SlateResult:
    """A slate of a request's own law, mixed with randomness if the policy file says so."""
    if snapshot.view.config.exploration.floor == 0:
        return result
    floor = _floor_for(snapshot, request, law)
    result = result._replace(propensities=propensity(floor, result.items))
    return mixed(snapshot.view, result, floor, rng)


def table_of(snapshot: Snapshot, k: int) -> Floats:
    """Probability of every item at every place of a slate for a request that asks for nothing but
    its length, (k, n_items); fewer rows where fewer items are eligible.
    """
    request = Request(k, None, np.zeros(0, dtype=np.int64))
    pool = pool_for(snapshot, request, None, k)
    if snapshot.view.config.exploration.floor == 0:
        law = law_of_pool(pool, k)
        table = np.zeros((law.k, snapshot.view.mean.size))
        table[:, law.names] = law.at.T
        return table
    _, floor, _ = _with_floor(snapshot, request, pool)
    items = np.repeat(snapshot.available[:, None], floor.law.k, axis=1)  # (n, k)
    table = np.zeros((floor.law.k, snapshot.view.mean.size))
    table[:, snapshot.available] = propensity(floor, items).T
    return table


def _is_own(request: Request) -> bool:
    """Tell whether a floor's items are others than the segment's."""
    return request.candidates is not None or request.exclude.size > 0


def _floor_for(snapshot: Snapshot, request: Request, law: Law) -> Floor:
    """Mix a law of the request's slates with randomness."""
    eligible = eligible_for(snapshot, request) if _is_own(request) else snapshot.available
    return make_floor(snapshot.view.config, snapshot.view.limits, eligible, law, snapshot.view.rng)


def _mixed_slates(
    snapshot: Snapshot, request: Request, pool: SlatePool, n: int, rng: np.random.Generator
) -> list[SlateResult]:
    """Slates for n requests with one and the same floor."""
    own, floor, known = _with_floor(snapshot, request, pool)
    results = sample(snapshot, own, request.k, n, rng)
    lucky = rng.random(n) < floor.share
    for at, result in enumerate(results):
        if not known:
            p = propensity(floor, result.items)
            results[at] = result = result._replace(propensities=p)
        if lucky[at] and result.items.size:
            results[at] = random_result(snapshot.view, result, floor, rng)
    return results


def _with_floor(
    snapshot: Snapshot, request: Request, pool: SlatePool
) -> tuple[SlatePool, Floor, bool]:
    """The pool, the mixture, and whether the pool has the mixture's propensities, cut to the
    request's places.

    Mixtures are made at their first use in the snapshot. Without limits one serves all items that
    requests leave out: what they change is how many items there are.
    """
    own, any_items = _is_own(request), snapshot.view.limits is None
    eligible = eligible_for(snapshot, request) if own else snapshot.available
    among = (id(pool.items) if any_items else digest(eligible)) if own else None
    known = pool.fixed_score is None and not (own and any_items)
    key = (request.k, weights_key(request), among)
    found = snapshot.floors.get(key)
    if found is None or found[0].items is not pool.items:
        floor = _floor_for(snapshot, request, law_of_pool(pool, request.k))
        made = pool
        if known:
            shown = pool.items[pool.columns[:, : request.k]]  # (n_draws, k)
            made = pool._replace(propensity=propensity(floor, shown))
        if len(snapshot.floors) >= KEPT_POOLS:
            snapshot.floors.pop(min(snapshot.floors, key=lambda kept: kept[2] is None))
        found = snapshot.floors[key] = made, floor
    made, floor = found
    if own and any_items:
        config = snapshot.view.config
        floor = make_floor(config, None, eligible, floor.law, snapshot.view.rng)
    return made, floor, known
