"""Delayed clicks: how much of an impression is evidence yet, by the learned distribution of delays.

    F(d) = P(delay <= d | there will be a click);   looks that count: sum of F(age);
    `Counts.pending` = sum of w (1 - F(age))

An impression of age a that will be clicked has been so with probability F(a): it is a trial of that
weight, and no failure before. F is learned from clicks that have come, although those with long
delays are missing among the young ones (right truncation): a click of delay d is seen only if its
impression is at least d old. The product-limit estimate of reversed time takes that out:

    F(d) = prod over d' > d of (1 - n(d') / #{clicks with delay <= d' <= age}),   n(d') clicks of
    delay d'

Ages are those of the impressions at the time of the estimate. An exponential delay worth
`prior_clicks` clicks stands for what is not known yet, delays above the highest age in particular.
Its mean m is learned as well, from the same clicks, each with the density exp(-d / m) / (m (1 -
exp(-age / m))), and `prior_clicks` of mean `prior_mean_s` before the first of them. Not promised:
the estimate is of clicks within the longest age seen; slower ones do not exist for it, as they do
not for the attribution window. Lynden-Bell (1971), A method of allowing for known observational
selection ...; Chapelle (2014), Modeling Delayed Feedback in Display Advertising; Vernade, Cappé &
Perchet (2017), Stochastic Bandit Models for Delayed Conversions (the corrected number of trials).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

N_MEANS = 24  # that are tried, in equal ratios


class Delays(NamedTuple):
    """A distribution of click delays: F at the upper edges of bins.

    Attributes
    ----------
    edges_s
        (n_bins,) ascending, seconds.
    cdf
        (n_bins,) F at the edges, non-decreasing, the last 1.

    """

    edges_s: Floats
    cdf: Floats


def log_edges(shortest_s: float, longest_s: float, n_bins: int = 48) -> Floats:
    """Bin edges in equal ratios, (n_bins,): delays spread over decades.

    Raises
    ------
    ValueError
        Unless 0 < shortest_s < longest_s and n_bins >= 2.

    """
    if not (0 < shortest_s < longest_s and n_bins >= 2):
        message = (
            f"edges need 0 < shortest_s < longest_s and at least 2 bins, found {shortest_s}, "
            f"{longest_s} and {n_bins}"
        )
        raise ValueError(message)
    return np.geomspace(shortest_s, longest_s, n_bins)


def learn_delays(
    delays_s: Floats,
    ages_s: Floats,
    edges_s: Floats,
    *,
    prior_mean_s: float,
    prior_clicks: float = 10.0,
) -> Delays:
    """Learn F from the clicks that have come.

    Parameters
    ----------
    delays_s
        (n_clicks,) time from impression to click, at least 0.
    ages_s
        (n_clicks,) time from impression to now, each at least its delay.
    edges_s
        (n_bins,) upper edges of the bins, ascending; longer delays count in the last.
    prior_mean_s, prior_clicks
        Mean of the delay before the first click, and the worth of that in clicks, both above 0;
        larger leaves it slower.

    Raises
    ------
    ValueError
        If the arrays differ in shape, a delay is negative, above its age or NaN, or the prior is
        not above 0.

    """
    if delays_s.shape != ages_s.shape or not ((delays_s >= 0) & (ages_s >= delays_s)).all():
        message = (
            f"every click needs 0 <= delay <= age, found shapes {delays_s.shape} and "
            f"{ages_s.shape}; check the clock of the clicks"
        )
        raise ValueError(message)
    if not (prior_mean_s > 0 and prior_clicks > 0):
        message = (
            f"the prior needs a mean and clicks above 0, found {prior_mean_s} s and {prior_clicks}"
        )
        raise ValueError(message)
    n_bins = edges_s.size
    bin_of = np.minimum(np.searchsorted(edges_s, delays_s), n_bins - 1)  # (n_clicks,)
    # subtle: the last bin that a click of this age could have been seen in all of; a click in a bin
    # half seen would be there because it was fast, and is left out. Impressions older than the last
    # edge have seen every bin.
    limit = np.where(
        ages_s >= edges_s[-1], n_bins - 1, np.searchsorted(edges_s, ages_s, side="right") - 1
    )
    whole = bin_of <= limit
    bin_of, limit = bin_of[whole], limit[whole]
    prior_cdf = _exponential(delays_s, ages_s, edges_s, prior_mean_s, prior_clicks)
    prior = np.diff(prior_cdf, prepend=0.0)
    prior[-1] += 1 - prior_cdf[-1]
    # (n_bins,) clicks in the bin
    here = np.bincount(bin_of, minlength=n_bins) + prior_clicks * prior
    # At risk in bin d: delay <= d <= limit; the prior's clicks are at risk in every bin from their
    # own on.
    begun = np.cumsum(np.bincount(bin_of, minlength=n_bins))
    ended = np.concatenate([[0], np.cumsum(np.bincount(limit, minlength=n_bins))[:-1]])
    at_risk = begun - ended + prior_clicks * np.cumsum(prior)
    keep = np.clip(1 - here / at_risk, 0.0, 1.0)  # (n_bins,)
    cdf = np.append(np.cumprod(keep[::-1])[::-1][1:], 1.0)
    return Delays(edges_s, cdf)


def _exponential(
    delays_s: Floats, ages_s: Floats, edges_s: Floats, prior_mean_s: float, prior_clicks: float
) -> Floats:
    """Cdf at the edges of an exponential delay, averaged over what its mean may be, (n_bins,)."""
    means = np.geomspace(edges_s[0], edges_s[-1], N_MEANS)[:, None]  # (n_means, 1)
    # an age of 0 would make the density of its click infinite
    longest = np.maximum(ages_s, edges_s[0])
    # (n_means, n_clicks)
    density = -np.log(means) - delays_s / means - np.log(-np.expm1(-longest / means))
    log_odds = density.sum(axis=1) - prior_clicks * (
        np.log(means[:, 0]) + prior_mean_s / means[:, 0]
    )
    odds = np.exp(log_odds - log_odds.max())
    cdf: Floats = odds / odds.sum() @ -np.expm1(-edges_s / means)
    return cdf


def share_arrived(delays: Delays, ages_s: Floats) -> Floats:
    """F(age), any shape: the share of an impression's clicks that have come by that age; linear
    within a bin.
    """
    share = np.interp(
        ages_s, np.concatenate([[0.0], delays.edges_s]), np.concatenate([[0.0], delays.cdf])
    )
    return np.asarray(share, dtype=np.float64)


def pending_examinations(
    delays: Delays,
    ages_s: Floats,
    weights: Floats,
    cells: NDArray[np.int64],
    shape: tuple[int, int],
) -> Floats:
    """Sum of w (1 - F(age)) per (segment, item): what `Counts.pending` holds.

    Parameters
    ----------
    delays
        The learned distribution.
    ages_s, weights
        (n,) age and examination weight of impressions that are young enough to matter and have no
        click; a clicked one is settled.
    cells
        (n,) segment * n_items + item.
    shape
        (n_segments, n_items).

    """
    waiting = weights * (1 - share_arrived(delays, ages_s))  # (n,)
    sums = np.bincount(cells, weights=waiting, minlength=shape[0] * shape[1])
    return np.asarray(sums, dtype=np.float64).reshape(shape)
