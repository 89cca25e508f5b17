"""The anchor from embedding neighbours: a linear model of item rates on their vectors, rebuilt from
counts.

    y_i = p_i / g - 1 = a + x_i' b + r_i + noise,   a ~ flat,   b ~ N(0, u I),   r_i ~ N(0, v),
                                                    noise ~ N(0, (1 - g) / (n_i g))
    D = 1 / (v + noise_i),   x, y less their means under D (which is what integrating a out does)
    A = I / u + X' D X,   b = A^-1 X' D y
    line_i = 1 + a + x_i' b,   t_i = x_i' A^-1 x_i + 1 / sum D             both without item i
    m_i = c E max(0, Z_i),   Z_i ~ N(line_i, t_i + min(v, 1))             c keeps the mean of m
    anchor of i: mean g m_i, worth  min(1 / (v + t_i), E^2 / Var of max(0, Z_i))  clicks

without item i by its leverage h_i = D_i (x_i' A^-1 x_i + 1 / sum D): prediction (line_i - h_i y_i)
/ (1 - h_i). u and v are found by maximum likelihood, a integrated out, on a small grid, so that
vectors which say nothing about clicks end with u = 0 and change nothing. The intercept a keeps what
all items have in common out of b: unit vectors all have length in common, and without a they would
say what g says. Nothing is stored: a new release of vectors is used at once. Rates are relative to
g, so that nothing depends on the click rate.

A line goes below zero and rates do not: items that it puts there are in truth somewhat below the
others, and a few of them are among the best. So an anchor is what of the Gaussian lies above zero,
and is worth less where that is little. A rest is at least -1 (a rate of 0 in place of g), so below
the line its standard deviation is 1 at most, however long its tail above is.

Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, sections 2.1, 2.7 (a basis
function with a flat prior) and 5.4 (linear kernel, leave-one-out).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.item_sample import item_sample
from bandits.learning.pooling import Anchor
from bandits.learning.special import normal_cdf

# u times the mean squared length of a vector: relative variance that vectors explain
SPREADS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0)
# v: relative variance that they do not; a long tail has 10 and more
RESTS = (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
LARGEST = 4096  # items that the model is fitted to: more changes little and costs time
NARROWEST, WIDEST = 0.05, 4.0  # anchors stay within these multiples of g: a line knows no bounds
LARGEST_FALL = 1.0  # of the rest, in variance: below zero there are no rates
TINY = 1e-12


def neighbour_anchor(
    looks: Floats, hits: Floats, vectors: Floats, rate: float, item_clicks: float
) -> Anchor:
    """Anchor of every item from its neighbours.

    Parameters
    ----------
    looks, hits
        (n_items,) pooled over segments.
    vectors
        (n_items, d); a row of zeros has no neighbours and gets the global rate.
    rate
        Global rate g in (0, 1).
    item_clicks
        Clicks' worth of the global rate where vectors say nothing.

    """
    blank = ~np.asarray(vectors).any(axis=1)  # (n_items,)
    seen = item_sample(np.flatnonzero((looks > 0) & ~blank), LARGEST)
    if seen.size == 0:
        return _flat(looks.size, rate, item_clicks)
    n = looks[seen]
    y = hits[seen] / n / rate - 1  # (n_seen,)
    noise = (1 - rate) / (n * rate)  # (n_seen,)
    x = np.asarray(vectors[seen], dtype=np.float64)  # (n_seen, d)
    size = float((x * x).sum(axis=1).mean())
    best, u, v = -np.inf, 0.0, RESTS[0]
    for rest in RESTS:
        for spread, value in zip(
            SPREADS, _log_likelihoods(x, y, rest + noise, [s / size for s in SPREADS]), strict=True
        ):
            if value > best:
                best, u, v = value, spread / size, rest
    if u == 0.0:
        return _flat(looks.size, rate, item_clicks)
    anchor = _predict(vectors, seen, x, y, 1 / (v + noise), u, v, rate)
    # no vector: the global rate, as unsure as before any fit
    return Anchor(
        np.where(blank, rate, anchor.mean), np.where(blank, 1 / (v + u * size), anchor.clicks)
    )


def _flat(n_items: int, rate: float, clicks: float) -> Anchor:
    return Anchor(np.full(n_items, rate), np.full(n_items, clicks))


def _log_likelihoods(x: Floats, y: Floats, variance: Floats, scales: list[float]) -> list[float]:
    """Gaussian log evidence of y, the intercept integrated out, for several u with the same D, by
    the eigenvalues of X' D X.
    """
    d = 1 / variance  # (n_seen,)
    x, y = x - d @ x / d.sum(), y - d @ y / d.sum()
    values, basis = np.linalg.eigh((x.T * d) @ x)  # (d,), (d, d)
    values = np.maximum(values, 0.0)
    c = basis.T @ (x.T @ (d * y))  # (d,)
    fixed = -0.5 * (np.log(variance).sum() + np.log(d.sum()) + (d * y * y).sum())
    return [
        float(fixed - 0.5 * np.log1p(u * values).sum() + 0.5 * (u * c * c / (1 + u * values)).sum())
        for u in scales
    ]


def _predict(
    vectors: Floats,
    seen: NDArray[np.intp],
    x: Floats,
    y: Floats,
    d: Floats,
    u: float,
    v: float,
    rate: float,
) -> Anchor:
    centre, level = d @ x / d.sum(), float(d @ y / d.sum())  # (d,), scalar
    inner = x - centre  # (n_seen, d)
    inverse = np.linalg.inv(np.eye(x.shape[1]) / u + (inner.T * d) @ inner)  # (d, d)
    b = inverse @ (inner.T @ (d * (y - level)))  # (d,)
    everyone = np.asarray(vectors, dtype=np.float64) - centre  # (n_items, d)
    line = level + everyone @ b  # (n_items,)
    spread = ((everyone @ inverse) * everyone).sum(axis=1) + 1 / d.sum()  # (n_items,)
    leverage = np.minimum(d * spread[seen], 0.99)  # (n_seen,)
    line[seen] = (line[seen] - leverage * y) / (1 - leverage)
    spread[seen] = spread[seen] / (1 - leverage)
    return _above_zero(1 + line, spread, v, rate, seen)


def _above_zero(
    line: Floats, spread: Floats, v: float, rate: float, seen: NDArray[np.intp]
) -> Anchor:
    """Anchor of rates g max(0, Z), with the mean over the seen items that the line has there."""
    variance = spread + min(v, LARGEST_FALL)  # (n_items,)
    sd = np.sqrt(variance)
    z = line / sd
    density, above = np.exp(-0.5 * z * z) / np.sqrt(2 * np.pi), normal_cdf(z)
    mean = line * above + sd * density
    square = (line * line + variance) * above + line * sd * density
    clicks = np.minimum(1 / (v + spread), mean**2 / np.maximum(square - mean**2, TINY))
    level = np.clip(line[seen].mean() / mean[seen].mean(), 0.5, 1.0)  # 1 where no line is low
    return Anchor(np.minimum(rate * np.clip(level * mean, NARROWEST, WIDEST), 0.9), clicks)
