"""Tracking: whether slates are seen as they were before. A page that loses its impressions offers
slates that nobody sees, from one hour on.

For each segment and each hour h at which the loss may have begun:

    z2 = (r_before - r_after)^2 / (r (1 - r) (1/n_before + 1/n_after))    r: share seen
    phi = max(1, X2 within both parts / (H - 2))           hours differ by more than chance does
    p = P(F(1, H - 2) > z2 / phi) / 2, times the hours tried and the segments          (Bonferroni)

phi is what the time of the day does to the rate: it is estimated from the hours themselves, so a
page that is left alone at night raises no alarm. Both parts have `LEAST_HOURS` at least.

Not promised: a client that never sent its impressions has no before; where variants differ in it,
`balance` finds it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.experiments.tails import f_tail

Floats = NDArray[np.float64]
ALARM = 0.001
LEAST_HOURS = 3


class Loss(NamedTuple):
    """A segment that is seen less: from which hour on (its number), rates before and after, and
    the probability that chance did it.
    """

    segment: int
    hour: int
    before: float
    after: float
    p: float


def losses(offered: Floats, seen: Floats) -> list[Loss]:
    """Segments that are seen less than before, the surest first.

    Parameters
    ----------
    offered, seen
        (n_hours, n_segments) slates of hours that are over, in order.

    """
    n_segments = offered.shape[1]
    found = [
        _loss(segment, offered[:, segment], seen[:, segment], n_segments)
        for segment in range(n_segments)
    ]
    return sorted(
        (each for each in found if each is not None and each.p < ALARM), key=lambda each: each.p
    )


def _loss(segment: int, offered: Floats, seen: Floats, n_segments: int) -> Loss | None:
    there = np.flatnonzero(offered > 0)  # (n_there,) hours
    n, s = offered[there], seen[there]
    hours = n.size
    splits = range(LEAST_HOURS, hours - LEAST_HOURS + 1)
    if not splits:
        return None
    best, at, rates = 0.0, 0, (1.0, 1.0)
    for split in splits:
        before, after = (float(s[a].sum() / n[a].sum()) for a in (slice(split), slice(split, None)))
        if after >= before:
            continue
        n1, n2 = float(n[:split].sum()), float(n[split:].sum())
        rate = float(s.sum() / n.sum())
        z2 = (before - after) ** 2 / (rate * (1 - rate) * (1 / n1 + 1 / n2))
        within = _dispersion(n[:split], s[:split]) + _dispersion(n[split:], s[split:])
        found = z2 / max(1.0, within / (hours - 2))
        if found > best:
            best, at, rates = found, split, (before, after)
    if not best:
        return None
    p = min(1.0, f_tail(best, 1.0, hours - 2) / 2 * len(splits) * n_segments)
    return Loss(segment, int(there[at]), *rates, p)


def _dispersion(n: Floats, s: Floats) -> float:
    """Pearson's X2 of hours that have one rate."""
    rate = s.sum() / n.sum()
    if not 0 < rate < 1:
        return 0.0
    return float(((s - n * rate) ** 2 / (n * rate * (1 - rate))).sum())
