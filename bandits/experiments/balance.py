"""Balance: whether variants got the slates that chance owes them, and whether these were seen.

Cells are (segment s, variant v), with offered O_sv, seen S_sv and weights W_sv (the sum over their
slates of 1 / probability of the variant).

    offered    E_sv = N_s O_sv / W_sv, scaled to N_s = sum_v O_sv        against logged propensities
    shares     E_sv = N_s share_v                               against the shares of the file
    seen       E_sv = O_sv r_s,  r_s = sum_v S_sv / sum_v O_sv       seen of what was offered
    X2 = sum_sv (observed - E_sv)^2 / E_sv         (of `seen`, not seen is a cell too), d degrees of
    freedom, p = P(F(d, g) > X2 / (d phi))

Pearson's chi-square. Expected numbers below `LEAST` are left out. A user's slates have one variant,
so X2 is larger by a design effect phi >= 1, which groups of users tell (Rao & Scott, 1984, On
Chi-Squared Tests for Multiway Contingency Tables); g is the degrees of freedom that it is known
with. Each check looks at all cells together, and at the worst segment, whose p is multiplied
by the number of segments; p is twice the smaller one (Bonferroni).

`seen` must be equal since variants differ in order only. A client that loses its impressions in one
variant shows there first: it is free of how users were dealt out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.experiments.tails import f_tail

Floats = NDArray[np.float64]
LEAST = 5.0  # expected; below it Pearson's statistic is no chi-square
ALARM = 0.001


class Groups(NamedTuple):
    """Groups of users by variant, (n_groups, n_variants) each."""

    offered: Floats
    seen: Floats


class Check(NamedTuple):
    """One check.

    Attributes
    ----------
    p
        Probability of as much imbalance by chance; below `ALARM` it is none.
    statistic, dof
        X2 and its degrees of freedom, of all cells together.
    design_effect
        phi.
    worst
        Number of the segment with the smallest p.
    """

    p: float
    statistic: float
    dof: int
    design_effect: float
    worst: int

    @property
    def alarm(self) -> bool:
        """Whether chance does not explain it."""
        return self.p < ALARM


def expected(offered: Floats, weight: Floats, shares: Floats) -> Floats:
    """Slates owed to each cell by the logged propensities, (n_segments, n_variants); a variant that
    was never logged in a segment is owed its share.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        owed = np.where(weight > 0, offered / weight, shares)  # mean probability
    owed /= np.maximum(owed.sum(axis=1, keepdims=True), 1e-300)
    return np.asarray(owed * offered.sum(axis=1, keepdims=True), dtype=np.float64)


def offered_check(offered: Floats, owed: Floats, groups: Groups) -> Check:
    """Slates of each cell against those that it is owed, (n_segments, n_variants) each."""
    total = groups.offered.sum(axis=0)  # (n_variants,)
    mean = total / max(total.sum(), 1.0)
    # sum over groups of the square of what a group has more than its part, by variant
    extra = ((groups.offered - groups.offered.sum(axis=1, keepdims=True) * mean) ** 2).sum(axis=0)
    there = mean > 0
    plain = max(total.sum(), 1.0) * max(int(there.sum()) - 1, 1)
    phi = float((extra[there] / mean[there]).sum() / plain)
    return _check(lambda s: _pearson(offered[s], owed[s]), len(offered), phi, groups)


def seen_check(offered: Floats, seen: Floats, groups: Groups) -> Check:
    """Slates seen against slates offered, (n_segments, n_variants) each."""
    rate = groups.seen.sum(axis=0) / np.maximum(groups.offered.sum(axis=0), 1.0)
    extra = ((groups.seen - groups.offered * rate) ** 2).sum()
    plain = (rate * (1 - rate) * groups.offered.sum(axis=0)).sum()
    phi = float(extra / plain) if plain > 0 else 1.0

    def of(segment: int) -> tuple[float, int]:
        rate = seen[segment].sum() / max(offered[segment].sum(), 1.0)
        hits, misses = offered[segment] * rate, offered[segment] * (1 - rate)
        kept = (hits >= LEAST) & (misses >= LEAST)
        if kept.sum() < 2:
            return 0.0, 0
        own = seen[segment][kept].sum() / offered[segment][kept].sum()
        spread = offered[segment][kept] * own * (1 - own)
        more = seen[segment][kept] - offered[segment][kept] * own
        return float((more**2 / spread).sum()), int(kept.sum()) - 1

    return _check(of, len(offered), phi, groups)


def _pearson(observed: Floats, owed: Floats) -> tuple[float, int]:
    kept = owed >= LEAST
    if kept.sum() < 2:
        return 0.0, 0
    observed, owed = observed[kept], owed[kept]
    owed = owed * observed.sum() / owed.sum()
    return float(((observed - owed) ** 2 / owed).sum()), int(kept.sum()) - 1


def _check(
    of: Callable[[int], tuple[float, int]], n_segments: int, phi: float, groups: Groups
) -> Check:
    n_groups = int((groups.offered.sum(axis=1) > 0).sum())
    freedom = float(max(n_groups - 1, 1) * max(groups.offered.shape[1] - 1, 1))
    # subtle: of n_groups deviations from their own mean, one is not free
    phi = max(1.0, phi * n_groups / max(n_groups - 1, 1))
    parts = [of(segment) for segment in range(n_segments)]
    tails = [_tail(x, d, phi, freedom) for x, d in parts]
    statistic, dof = sum(x for x, _ in parts), sum(d for _, d in parts)
    counted = max(1, sum(d > 0 for _, d in parts))
    worst = int(np.argmin(tails)) if tails else 0
    p = 2 * min(_tail(statistic, dof, phi, freedom), counted * min(tails, default=1.0))
    return Check(min(1.0, p), statistic, dof, phi, worst)


def _tail(statistic: float, dof: int, phi: float, freedom: float) -> float:
    return f_tail(statistic / dof / phi, dof, freedom) if dof else 1.0
