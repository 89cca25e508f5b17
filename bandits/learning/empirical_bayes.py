"""Strengths by empirical Bayes: how much the counts themselves say items and segments differ.

    g, c_item:  sum_i  log BetaBinomial(S_i | N_i, g, c / g)            items around the global rate
    c_seg:      sum_si log BetaBinomial(s_si | n_si, prior of (s, i) under c, which leaves out
                (s, i) itself)

over a grid of c, in clicks, g by Newton steps on log g for each c; with a Gaussian prior on log c
around `MIDDLE`, `WIDTH` wide. The answer is the posterior mean of log c, and of log g with it.

A likelihood is not bent by adaptive sampling: who gets looks depends on the counts only, so that
the factors which say who got them do not hold g or c. Means of items are bent: a policy stops
showing what starts badly, and shows what it likes. For the same reason a sample of items may depend
on which were shown at all (the others have likelihood 1 whatever g and c), and not on how often.
Not promised: the second sum is a pseudo-likelihood, its terms share data. Efron (2010), Large-Scale
Inference, chapter 1; Berger & Wolpert (1988), The Likelihood Principle, section 4.2 (stopping
rules); Besag (1975), Statistical analysis of non-lattice data.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import Floats
from bandits.learning.field_effects import Effects
from bandits.learning.item_sample import item_sample
from bandits.learning.pooling import HIGHEST_RATE, Anchor, pool, priors_of
from bandits.learning.special import digamma_trigamma, log_beta_binomial, log_gamma

# clicks: from "items differ by four times their rate" to "by 6% of it". Catalogues have long tails:
# their few good items are worth finding only while the prior lets an item be that good.
GRID: Floats = np.asarray(2.0 ** np.arange(-4, 9), dtype=np.float64)
MIDDLE = 16.0  # before any data: a spread of 25% of the rate
WIDTH = 1.5  # standard deviation of that guess in log c: a factor of 4.5
RATE_STEPS = 12  # Newton steps on log g for each c, from the g of the c before; two suffice mostly
LONGEST_STEP = 1.0  # of log g: far from the top the curvature says little
CLOSE = 1e-3  # of log g: after a step so short the next would be a millionth
# arms looked at: more would not move the answer and cost milliseconds
LARGEST = 10_000


def learn_segment_clicks(
    looks: Floats,
    hits: Floats,
    anchor: Anchor,
    effects: Effects | None = None,
    largest: int = LARGEST,
) -> float:
    """c_seg from counts (n_segments, n_items), of which so many cells are looked at; the guess
    where there is one segment only.
    """
    if looks.shape[0] < 2:
        return MIDDLE
    most = max(1, largest // looks.shape[0])
    items = item_sample(np.flatnonzero(looks.sum(axis=0) > 0), most)
    n, s = looks[:, items], hits[:, items]
    anchor = Anchor(anchor.mean[items], anchor.clicks[items])
    effects = None if effects is None else effects.among(items)
    fit = np.empty(GRID.size)
    for j, c in enumerate(GRID):
        prior = priors_of(pool(n, s, anchor, float(c), effects))
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
    items = item_sample(np.flatnonzero(looks > 0), LARGEST)
    n, s = np.maximum(looks[items], hits[items]), hits[items]
    grid: Floats = GRID if item_clicks is None else np.array([item_clicks], dtype=np.float64)
    rates, fit = np.empty(grid.size), np.empty(grid.size)
    g = start
    for j in range(grid.size - 1, -1, -1):  # from alike items, whose g is nearest to `start`
        g, fit[j] = _global_rate(n, s, g, float(grid[j]), start)
        rates[j] = g
    weight = _weights(fit, grid)
    return float(np.exp((weight * np.log(rates)).sum())), float(
        np.exp((weight * np.log(grid)).sum())
    )


def _global_rate(n: Floats, s: Floats, g: float, c: float, start: float) -> tuple[float, float]:
    """Most likely g for one c, and its log likelihood; `start` counts for one look in a success.

    subtle: not successes by looks, nor a mean of items. A policy gives its best items nearly all
    looks, and the mean of what it shows is far above the mean of what it could show, which is what
    a new item may expect.
    """
    if n.size == 0:
        return start, 0.0

    clicked, rest = s[s > 0], n - s
    guess = (
        1 / start - 1
    )  # one success in 1 / start looks, as if of one rate: the data move it soon
    x, top = float(np.log(g)), float(np.log(HIGHEST_RATE))
    for _ in range(RATE_STEPS):
        rate = float(np.exp(x))
        b, odds = c * (1 - rate) / rate, rate / (1 - rate)
        slope_b, bend_b = _by_b(rest, n, c, b)
        # db / dlog g = -(b + c)
        slope = 1 - guess * odds - (b + c) * slope_b
        bend = (b + c) * ((b + c) * bend_b + slope_b) - guess * odds / (1 - rate)
        step = slope / -bend if bend < 0 else np.copysign(LONGEST_STEP, slope)
        before, x = x, min(x + float(np.clip(step, -LONGEST_STEP, LONGEST_STEP)), top)
        if abs(x - before) < CLOSE:
            break
    rate = float(np.exp(x))
    fit = _flat_fit(clicked, rest, n, c, c * (1 - rate) / rate)
    return rate, fit + x + guess * float(np.log1p(-rate))


def _flat_fit(clicked: Floats, rest: Floats, n: Floats, a: float, b: float) -> float:
    """Log likelihood of items that all start from Beta(a, b), without binomial coefficients.

    Parameters
    ----------
    clicked
        Successes of the items that have any: of the others Gamma(a + 0) / Gamma(a) = 1.
    rest, n
        (n_items,) looks without success, and all.
    a, b
        Of the prior.
    """
    ends = log_gamma(np.array([a + b, a, b]))  # (3,)
    sums = log_gamma(b + rest).sum() - log_gamma(a + b + n).sum() + log_gamma(a + clicked).sum()
    return float(sums + n.size * (ends[0] - ends[2]) - clicked.size * ends[1])


def _by_b(rest: Floats, n: Floats, a: float, b: float) -> tuple[float, float]:
    """First and second derivative of `_flat_fit` by b."""
    size = n.size
    at = np.concatenate([b + rest, a + b + n, [b, a + b]])  # (2 n_items + 2,)
    slope, bend = (
        float(
            psi[:size].sum()
            - psi[size : 2 * size].sum()
            + size * (psi[2 * size + 1] - psi[2 * size])
        )
        for psi in digamma_trigamma(at)
    )
    return slope, bend


def _fit(s: Floats, n: Floats, mean: Floats, strength: Floats) -> float:
    return float(
        log_beta_binomial(s, np.maximum(n, s), mean * strength, (1 - mean) * strength).sum()
    )


def _weights(fit: Floats, grid: Floats) -> Floats:
    log_post = fit - 0.5 * ((np.log(grid) - np.log(MIDDLE)) / WIDTH) ** 2
    weight = np.exp(log_post - log_post.max())
    return np.asarray(weight / weight.sum(), dtype=np.float64)
