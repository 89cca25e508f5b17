"""A segment's snapshot and the pools of draws that its requests share."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.user_features import Space, Vectors
from bandits.slates.floor import Floor
from bandits.slates.named_signals import NamedSignals
from bandits.slates.pool import SlatePool, make_pool
from bandits.slates.propensity import draw_ties
from bandits.slates.request import (
    Request,
    SlateResult,
)
from bandits.slates.segment import SegmentView, scorers_of

Items = NDArray[np.int64]

# Slates are drawn for these many places, and shorter ones are their beginnings: requests of all
# lengths then share a few pools. Floors are filled from the last place, so with them every length
# has a pool of its own.
LENGTHS = (10, 25, 50, 100, 200)


# Boards of candidate lists kept per snapshot: a category page asks with the same list again and
# again.
KEPT_POOLS = 64
# Pools of all items that the next snapshot of the segment has from its beginning, those asked for
# last: weights of requests' own are others' to invent.
MOST_IN_USE = 8


class Shortlist(NamedTuple):
    """Items (m,) ascending, and their rows in the space of vectors, (m, d), None without."""

    items: Items
    rows: Vectors | None


class Snapshot(NamedTuple):
    """A segment at one time, and the pools made of it so far.

    Boards, floors, `leaders` (the available items with the highest means), `signals` of named
    candidates by weights, `space` (the items' vectors) and the `personal` lists that users' slates
    are made of, kept draws and calibrated objectives are caches; `asked` is what pools of all items
    were asked for by; nothing else changes. A floor comes with the pool whose propensities are the
    mixture's.
    """

    view: SegmentView
    available: Items
    pools: dict[tuple[object, ...], SlatePool]
    floors: dict[tuple[object, ...], tuple[SlatePool, Floor]]
    leaders: list[Items]
    asked: dict[tuple[object, ...], Request]
    signals: dict[object, NamedSignals | None]
    space: list[Space]
    personal: dict[object, Shortlist]


def pool_for(
    snapshot: Snapshot,
    request: Request,
    eligible: Items | None,
    places: int,
) -> SlatePool:
    """Return the pool of an eligible set (None: all available), made at its first use in the
    snapshot.
    """
    view = snapshot.view
    floors = view.limits is not None and any(least > 0 for least in view.limits.least)
    length = places if floors else next((n for n in LENGTHS if n >= places), places)
    among = None if eligible is None else digest(eligible)
    key = (length, weights_key(request), among)
    if eligible is None and key not in snapshot.asked:
        none = np.zeros(0, dtype=np.int64)
        snapshot.asked[key] = Request(length, None, none, objectives=request.objectives)
    pool = snapshot.pools.get(key)
    if pool is None:
        scorers = scorers_of(view, request.objectives or dict(view.config.objectives), view.facts)
        everything = snapshot.available if eligible is None else eligible
        pool = make_pool(view, scorers, everything, length, view.rng, single=eligible is not None)
        if len(snapshot.pools) >= KEPT_POOLS:
            # Boards of eligible sets go first, oldest first: the segment's own serve most requests.
            snapshot.pools.pop(min(snapshot.pools, key=lambda kept: kept[2] is None))
        snapshot.pools[key] = pool
    return pool


def in_use(snapshot: Snapshot) -> list[Request]:
    """Requests that pools of all items were asked for by, lately: what a later snapshot of the
    segment makes them by.
    """
    return list(snapshot.asked.values())[-MOST_IN_USE:]


def eligible_for(snapshot: Snapshot, request: Request) -> Items:
    """Items that the request may be shown, without repeats, in their order."""
    eligible = snapshot.available
    if request.candidates is not None:
        eligible = request.candidates
        if np.count_nonzero(eligible[1:] > eligible[:-1]) < eligible.size - 1:
            eligible = np.unique(eligible)
        shown = snapshot.view.shown.take(eligible)
        if np.count_nonzero(shown) < shown.size:
            eligible = eligible[shown]
    if not request.exclude.size or not eligible.size:
        return eligible
    at = np.minimum(eligible.searchsorted(request.exclude), eligible.size - 1)
    return np.delete(eligible, at[eligible.take(at) == request.exclude])


def digest(items: Items) -> bytes:
    """Stand for a list of items, which can be most of the catalogue; 128 bits do not meet by
    chance.
    """
    return hashlib.blake2b(items.tobytes(), digest_size=16).digest()


def sample(
    snapshot: Snapshot, pool: SlatePool, k: int, n: int, rng: np.random.Generator
) -> list[SlateResult]:
    """Serve n slates of one board."""
    policy = snapshot.view.config.policy
    if pool.fixed_score is not None:
        ties = draw_ties(pool.fixed_score, k, n, rng)
        # (n, k)
        columns, propensity, score = ties.columns, ties.propensity, pool.fixed_score[ties.columns]
        placed: dict[str, Floats] = {}
    else:
        rows = rng.integers(pool.columns.shape[0], size=n)  # (n,)
        columns, propensity = pool.columns[rows, :k], pool.propensity[rows, :k]  # (n, k)
        score = pool.score[rows, :k]
        placed = {name: part[rows, :k] for name, part in pool.placed.items()}
    why = why_of(pool, columns, placed)
    items = pool.items[columns]  # (n, k)
    return [SlateResult(items[i], score[i], propensity[i], why[i], policy) for i in range(n)]


def why_of(
    pool: SlatePool, columns: NDArray[np.int64], placed: Mapping[str, Floats]
) -> list[list[dict[str, float]]]:
    """Dicts of the parts of every item of n slates, from their columns and what was drawn for their
    places, (n, k) each.
    """
    names = [*pool.fixed, *placed]
    values = [part[columns] for part in pool.fixed.values()] + list(placed.values())
    table = np.stack(values, axis=2).tolist()  # n x k x n_parts
    return [[dict(zip(names, row, strict=True)) for row in slate] for slate in table]


def weights_key(request: Request) -> object:
    """What two requests must share to share a pool."""
    return None if request.objectives is None else tuple(sorted(request.objectives.items()))
