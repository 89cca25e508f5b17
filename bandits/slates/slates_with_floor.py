"""Slates of a pool or of a law, mixed with the policy file's floor (`bandits.slates.floor`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from bandits.slates.floor import Floor, make_floor, mixed, propensity
from bandits.slates.law import Law, law_of_pool
from bandits.slates.pool import SlatePool
from bandits.slates.request import Request, SlateResult
from bandits.slates.snapshot_pools import (
    KEPT_POOLS,
    Snapshot,
    digest,
    eligible_for,
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
    results = []
    for i in members:
        own, floor = _with_floor(snapshot, requests[i], pool)
        result = sample(snapshot, own, k, 1, rng)[0]
        if pool.fixed_score is not None:
            result = result._replace(propensities=propensity(floor, result.items))
        results.append(mixed(snapshot.view, result, floor, rng))
    return results


def of_law(
    snapshot: Snapshot, request: Request, result: SlateResult, law: Law, rng: np.random.Generator
) -> SlateResult:
    """A slate of a request's own law, mixed with randomness if the policy file says so."""
    if snapshot.view.config.exploration.floor == 0:
        return result
    floor = _floor_for(snapshot, request, law)
    result = result._replace(propensities=propensity(floor, result.items))
    return mixed(snapshot.view, result, floor, rng)


def _floor_for(snapshot: Snapshot, request: Request, law: Law) -> Floor:
    """Mix a law of the request's slates with randomness."""
    eligible = snapshot.available
    if request.candidates is not None or request.exclude.size:
        eligible = eligible_for(snapshot, request)
    return make_floor(snapshot.view.config, snapshot.view.limits, eligible, law, snapshot.view.rng)


def _with_floor(snapshot: Snapshot, request: Request, pool: SlatePool) -> tuple[SlatePool, Floor]:
    """The pool with the propensities of the mixture, cut to the request's places, and the mixture;
    made at its first use in the snapshot.
    """
    among = None
    if request.candidates is not None or request.exclude.size:
        among = digest(eligible_for(snapshot, request))
    key = (request.k, weights_key(request), among)
    found = snapshot.floors.get(key)
    if found is None or found[0].items is not pool.items:
        floor = _floor_for(snapshot, request, law_of_pool(pool, request.k))
        if pool.fixed_score is None:
            shown = pool.items[pool.columns[:, : request.k]]  # (n_draws, k)
            pool = pool._replace(propensity=propensity(floor, shown))
        if len(snapshot.floors) >= KEPT_POOLS:
            snapshot.floors.pop(min(snapshot.floors, key=lambda kept: kept[2] is None))
        found = snapshot.floors[key] = pool, floor
    return found
