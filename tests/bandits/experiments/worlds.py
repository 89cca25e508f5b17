"""Simulated comparisons, many at once: users with rates and habits of their own, dealt to two
variants, added up in groups as outcome rows do.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
GROUPS = 32


class Sums(NamedTuple):
    """(n_runs, n_looks, 2 variants, n_groups) each, added up over looks."""

    offered: Floats
    seen: Floats
    clicks: Floats


def simulate(
    rng: np.random.Generator,
    runs: int,
    users: int,
    *,
    looks: int = 1,
    lift: float = 0.0,
    rate: float = 0.25,
    visits: float = 4.0,
    seen_rate: float = 0.9,
    lost: float = 0.0,
    share: float = 0.5,
) -> Sums:
    """Users come a geometric number of times, `visits` on average, at random looks; each has a rate
    of his own, Beta with mean `rate` and strength 4. The second variant clicks `lift` more, and
    loses a share `lost` of its impressions.
    """
    size = runs, users
    second = rng.random(size) < share
    own = rng.beta(4 * rate, 4 * (1 - rate), size) * np.where(second, 1 + lift, 1.0)
    own = np.minimum(own, 1.0)
    n = rng.geometric(1 / visits, size)
    group = rng.integers(GROUPS, size=size)
    cell = (np.arange(runs)[:, None] * 2 + second) * GROUPS + group  # (runs, users)
    seen_of = np.where(second, seen_rate * (1 - lost), seen_rate)
    sums = np.zeros((3, looks, runs * 2 * GROUPS))
    left = n
    for look in range(looks):
        now = left if look == looks - 1 else rng.binomial(left, 1 / (looks - look))
        left = left - now
        seen = rng.binomial(now, seen_of)
        clicks = rng.binomial(seen, own)
        for at, each in enumerate((now, seen, clicks)):
            sums[at, look] = np.bincount(cell.ravel(), each.ravel(), runs * 2 * GROUPS)
    sums = sums.cumsum(axis=1).reshape(3, looks, runs, 2, GROUPS).swapaxes(1, 2)
    return Sums(*sums)
