"""Draws kept for a snapshot: each item is drawn once, the first time that a request of its own
needs it.

Requests with candidates, exclusions or a user have eligible sets of their own, but the same arms.
Draw r of an item is part of the same joint draw r of all items, so pools of different sets may
share it: each serves one of its rows, and its propensities are shares of those rows.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats, Policy

# Numbers that one policy may keep: 2^24 are 128 MiB, of which only the items asked for are ever
# touched. A catalogue too large for that is drawn anew for every request.
MOST_KEPT = 1 << 24


class SampleCache(NamedTuple):
    """Draws of one policy: values (n_items, n_draws), valid in the rows where `have` (n_items,) is
    true. A cache.
    """

    values: Floats
    have: NDArray[np.bool_]


def kept_draws(
    kept: dict[str, SampleCache],
    policy: Policy,
    arms: ArmView,
    items: NDArray[np.int64],
    n: int,
    most: int,
    rng: np.random.Generator,
) -> Floats:
    """Draws of some items, from the kept ones where they are, (n, n_some).

    Parameters
    ----------
    kept
        The snapshot's cache, by policy; grows.
    policy
        One that scores an item by its own counts (`bandits.slates.segment.ITEMWISE`).
    arms, items
        The segment, and (n_some,) int64.
    n, most
        Draws wanted, and draws to keep of every item; n is at most that.
    rng
        Draws for items not drawn before.

    """
    n_items = arms.prior_mean.size
    if n_items * most > MOST_KEPT:
        return policy.draws(of_items(arms, items), rng, n)
    own = kept.get(policy.name)
    if own is None:
        own = kept[policy.name] = SampleCache(
            np.empty((n_items, most)), np.zeros(n_items, dtype=np.bool_)
        )
    missing = items[~own.have[items]]
    if missing.size:
        own.values[missing] = policy.draws(of_items(arms, missing), rng, most).T
        own.have[missing] = True
    return np.ascontiguousarray(own.values[items, :n].T)


def of_items(arms: ArmView, items: NDArray[np.int64]) -> ArmView:
    """Look at some items of the same segment; `total` stays the segment's."""
    some: dict[str, Any] = {
        name: array[items]
        for name, array in arms._asdict().items()
        if isinstance(array, np.ndarray) and array.shape[:1] == arms.prior_mean.shape
    }
    return arms._replace(**some)
