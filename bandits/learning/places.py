"""How often each place is looked at, learned from what is served: the draws put the same item at
several places, which is an experiment, whoever decides where and however often.

    E[clicks of cell c at place j] = n_cj theta_c w_j                     c: segment and item
    P(a click of c is at j | c has it) = n_cj w_j / sum_l n_cl w_l        theta_c cancels
    log w_j = log prior_j + d_j,   d_0 = 0,   d_j - d_{j-1} ~ N(0, STEP^2)

The most likely d is found by Newton steps (the likelihood is a multinomial logit with offsets
log n, concave in d); a cell that was at one place only says nothing. So neither the taste of a
segment nor a good item's standing high is taken for looking, which comparing places over items
would do. Where nothing is known d stays 0: the prior curve.

    error_j      standard deviation of d_j, from the curvature
    identified   error_j < KNOWN, at every place that is served
    credible     two halves of the cells agree, within their errors; else the prior stands

Not promised: clicks must not depend on what stands above (else `bandits.learning.cascade`), and
an item's rate must not have changed while it moved. Looks whose click is on its way count as looks.
Chamberlain (1980), Analysis of Covariance with Qualitative Data (conditioning on totals); Agarwal,
Zaitsev, Wang, Li, Najork & Joachims (2019), Estimating Position Bias without Intrusive
Interventions (harvesting them from what rankers did).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.counts import Counts

Ints = NDArray[np.int64]

# First place of every band: single ones where slates live, coarser where few look.
BANDS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 14, 20, 30, 50, 100)
# Spread of log w from one band to the next, beyond the prior curve's. Flat (0) and 1 / place (-0.7
# from the first to the second) are both within two of it of the discount of DCG (-0.46).
STEP = 0.35
KNOWN = 0.2  # a place's weight to a fifth of itself
DISAGREE = 4.0  # standard errors between the halves, and this much that no model is better than
SLACK = 0.15
NEWTON_STEPS = 25
# Cells that are looked at, those with most clicks; their number says nothing, given their clicks.
MOST_CELLS = 20_000


class PlaceCounts(NamedTuple):
    """What slates of this project showed where: cells (n,) may repeat.

    Attributes
    ----------
    segments, items
        (n,) int64.
    shown, clicks
        (n, n_bands) impressions and clicks.

    """

    segments: Ints
    items: Ints
    shown: Floats
    clicks: Floats


class Places(NamedTuple):
    """How often places are looked at.

    Attributes
    ----------
    weights
        (n_bands,) in (0, 1], the largest 1.
    error
        (n_bands,) standard deviation of their logarithm.
    identified
        (n_bands,) bool.
    credible
        Whether two halves agree; else the weights are the prior's.

    """

    weights: Floats
    error: Floats
    identified: NDArray[np.bool_]
    credible: bool


def band_of(places: Ints) -> Ints:
    """Band of every place, same shape.

    Examples
    --------
    >>> band_of(np.array([0, 9, 13, 5000]))
    array([ 0,  9, 10, 15])

    """
    return np.asarray(np.searchsorted(BANDS, places, side="right") - 1, dtype=np.int64)


def prior_curve() -> Floats:
    """1 / log2(place + 2) at the first place of every band, the discount of DCG (n_bands,)."""
    return np.asarray(1 / np.log2(np.array(BANDS) + 2.0), dtype=np.float64)


def learn_places(shown: Floats, clicks: Floats, prior: Floats | None = None) -> Places:
    """Learn how often places are looked at.

    Parameters
    ----------
    shown, clicks
        (n_cells, n_bands) counts of (segment, item).
    prior
        (n_bands,) curve that stands where nothing is known; None is `prior_curve`.

    Examples
    --------
    An item at two places, a quarter of the looks at the second.

    >>> shown = np.array([[1e6, 1e6]])
    >>> learn_places(shown, shown * [0.1, 0.025], np.array([1.0, 0.6])).weights.round(3)
    array([1.  , 0.25])

    """
    prior = prior_curve() if prior is None else prior
    total = clicks.sum(axis=1)
    order = np.argsort(-total, kind="stable")[:MOST_CELLS]
    order = order[(total[order] > 0) & ((shown[order] > 0).sum(axis=1) > 1)]
    shown, clicks = shown[order], clicks[order]
    moved, error = _fit(shown, clicks, prior)
    halves = [_fit(shown[part::2], clicks[part::2], prior) for part in (0, 1)]
    apart = np.abs(halves[0][0] - halves[1][0])  # (n_bands,)
    credible = bool((apart <= SLACK + DISAGREE * np.hypot(halves[0][1], halves[1][1])).all())
    weights = prior * np.exp(moved if credible else 0.0)
    return Places(weights / weights.max(), error, error < KNOWN, credible)


def _fit(shown: Floats, clicks: Floats, prior: Floats) -> tuple[Floats, Floats]:
    """Return d and its standard deviation, (n_bands,) each."""
    n = prior.size
    steps = np.eye(n) - np.eye(n, k=-1)
    precision = (steps[1:].T @ steps[1:])[1:, 1:] / STEP**2  # of d_1 ..., d_0 being 0
    at, total = clicks.sum(axis=0), clicks.sum(axis=1)  # (n_bands,), (n_cells,)
    d = np.zeros(n)

    def parts(d: Floats) -> tuple[float, Floats]:
        rate = shown * (prior * np.exp(d))
        whole = rate.sum(axis=1)
        likely = float(at @ d - total @ np.log(whole)) - 0.5 * float(d[1:] @ precision @ d[1:])
        return likely, rate / whole[:, None]

    best, share = parts(d)
    for _ in range(NEWTON_STEPS):
        expected = share * total[:, None]  # (n_cells, n_bands)
        gradient = (at - expected.sum(axis=0))[1:] - precision @ d[1:]
        curvature = (np.diag(expected.sum(axis=0)) - share.T @ expected)[1:, 1:] + precision
        step = np.linalg.solve(curvature, gradient)
        size = 1.0
        while size > 1e-4:
            ahead = d.copy()
            ahead[1:] += size * step
            found, new_share = parts(ahead)
            if found >= best:
                break
            size /= 2
        else:
            break
        d, share, gained = ahead, new_share, found - best
        best = found
        if gained < 1e-9 * max(1.0, abs(best)):
            break
    error = np.zeros(n)
    error[1:] = np.sqrt(np.diag(np.linalg.inv(curvature)))
    return d, error


def added_up(placed: PlaceCounts, n_items: int) -> tuple[Floats, Floats]:
    """Return `shown` and `clicks` of every cell once, (n_cells, n_bands) each."""
    cell = placed.segments * n_items + placed.items
    cells, index = np.unique(cell, return_inverse=True)
    if cells.size == cell.size:
        return placed.shown, placed.clicks
    shown, clicks = np.zeros((2, cells.size, len(BANDS)))
    np.add.at(shown, index, placed.shown)
    np.add.at(clicks, index, placed.clicks)
    return shown, clicks


def examined(counts: Counts, places: PlaceCounts, weights: Floats) -> Counts:
    """Counts whose looks are weighed by place: an impression that no place is known of is one look,
    as at the first place.

        examined_si = impressions_si - sum_j n_sij (1 - w_j)

    Memories and looks in flight are weighed alike, cell by cell.
    """
    shape = counts.impressions.shape
    there = (places.segments < shape[0]) & (places.items < shape[1])
    cell = (places.segments * shape[1] + places.items)[there]
    less = np.bincount(
        cell, weights=(places.shown @ (1 - weights))[there], minlength=shape[0] * shape[1]
    )
    looks = counts.impressions
    share = 1 - np.minimum(less.reshape(shape) / np.maximum(looks, 1e-300), 1 - weights.min())

    def weighed(each: Counts) -> Counts:
        return each._replace(examined=each.examined * share, pending=each.pending * share)

    return weighed(counts)._replace(recent=tuple(map(weighed, counts.recent)))
