"""Strengths by empirical Bayes: how much the counts themselves say items and segments differ.

    c_item: sum_i  log BetaBinomial(S_i | N_i, g, c / g)                items around the global rate
    g, learned with it c_seg:  sum_si log BetaBinomial(s_si | n_si, prior of (s, i) under c, which
    leaves out (s, i) itself)

over a grid of c, in clicks, with a flat prior on log c worth `PRIOR_NATS` around its middle; the
answer is the posterior mean of log c. A likelihood is not bent by adaptive sampling (which arms get
looks depends on the counts only), as sample variances are. Not promised: the second sum is a
pseudo-likelihood, its terms share data. Efron (2010), Large-Scale Inference, chapter 1; Besag
(1975), Statistical analysis of non-lattice data.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.pooling import HIGHEST_RATE, Anchor, pool, priors_of
from bandits.learning.special import log_beta_binomial

# clicks: from "items differ by their whole rate" to "by 6% of it"
GRID: Floats = np.asarray(2.0 ** np.arange(0, 9), dtype=np.float64)
MIDDLE = 16.0  # before any data: a spread of 25% of the rate
WIDTH = 1.5  # standard deviation of that guess in log c: a factor of 4.5
RATE_STEPS = 4  # each step brings g about ten times nearer
# arms looked at, the busiest: more would not move the answer and cost milliseconds
LARGEST = 20_000


def learn_segment_clicks(looks: Floats, hits: Floats, anchor: Anchor) -> float:
    """c_seg from counts (n_segments, n_items); the guess where there is one segment only."""
    if looks.shape[0] < 2:
        return MIDDLE
    items = _busiest(looks.sum(axis=0), LARGEST // looks.shape[0])
    n, s = looks[:, items], hits[:, items]
    anchor = Anchor(anchor.mean[items], anchor.clicks[items])
    fit = np.empty(GRID.size)
    for j, c in enumerate(GRID):
        prior = priors_of(pool(n, s, anchor, float(c)))
        fit[j] = _fit(s, n, prior.mean, prior.strength)
    return float(np.exp((_weights(fit, GRID) * np.log(GRID)).sum()))


def learn_items(
    looks: Floats, hits: Floats, start: float, item_clicks: float | None = None
) -> tuple[float, float]:
    """Global rate g and c_item from items' pooled looks and successes, (n_items,) each.

    Parameters
    ----------
    looks, hits
        (n_items,).
    start
        Where the search for g starts: successes by looks.
    item_clicks
        c_item where it is set; then only g is learned.

    """
    items = _busiest(looks, LARGEST)
    n, s = np.maximum(looks[items], hits[items]), hits[items]
    grid: Floats = GRID if item_clicks is None else np.array([item_clicks], dtype=np.float64)
    rates = np.array([_global_rate(n, s, start, float(c)) for c in grid])
    fit = np.array(
        [
            _fit(s, n, np.full(n.shape, g), np.full(n.shape, c / g))
            for g, c in zip(rates, grid, strict=True)
        ]
    )
    weight = _weights(fit, grid)
    return float(np.exp((weight * np.log(rates)).sum())), float(
        np.exp((weight * np.log(grid)).sum())
    )


def _global_rate(n: Floats, s: Floats, start: float, c: float) -> float:
    """Mean rate of items, each with the weight of its random effect: n_i k / (n_i + k), k = c / g.

    subtle: not successes by looks. A policy gives its best items nearly all looks, and the mean of
    what it shows is far above the mean of what it could show, which is what a new item may expect.
    """
    g = start
    for _ in range(RATE_STEPS):
        share = (c / g) / (n + c / g)
        # The start counts for one success: the data move it as soon as they hold more.
        g = min(float(((s * share).sum() + 1) / ((n * share).sum() + 1 / start)), HIGHEST_RATE)
    return g


def _fit(s: Floats, n: Floats, mean: Floats, strength: Floats) -> float:
    return float(
        log_beta_binomial(s, np.maximum(n, s), mean * strength, (1 - mean) * strength).sum()
    )


def _weights(fit: Floats, grid: Floats) -> Floats:
    log_post = fit - 0.5 * ((np.log(grid) - np.log(MIDDLE)) / WIDTH) ** 2
    weight = np.exp(log_post - log_post.max())
    return np.asarray(weight / weight.sum(), dtype=np.float64)


def _busiest(looks: Floats, most: int) -> NDArray[np.intp]:
    if looks.size <= most:
        return np.arange(looks.size)
    return np.argpartition(-looks, most)[:most]
