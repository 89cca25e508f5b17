"""The anchor from embedding neighbours: a linear model of item rates on their vectors, rebuilt from
counts.

    y_i = p_i / g - 1 = x_i' b + r_i + noise,   b ~ N(0, u I),   r_i ~ N(0, v),   noise ~ N(0, (1 -
    g) / (n_i g))
    A = I / u + X' D X,   D = 1 / (v + noise_i),   b = A^-1 X' D y
    anchor of i: mean g (1 + x_i' b_(-i)), relative variance v + x_i' A_(-i)^-1 x_i, worth 1 /
    variance clicks

(-i) leaves item i out, by the leverage h_i = D_i x_i' A^-1 x_i: prediction (x_i' b - h_i y_i) / (1
- h_i). u and v are found by maximum likelihood on a small grid, so that vectors which say nothing
  about clicks end with u = 0 and change nothing. Nothing is stored: a new
release of vectors is used at once. Rates relative to g, so that nothing depends on the click rate.

Rasmussen & Williams (2006), Gaussian Processes for Machine Learning, sections 2.1 and 5.4 (linear
kernel, leave-one-out).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.pooling import Anchor

# u times the mean squared length of a vector: relative variance that vectors explain
SPREADS = (0.0, 0.01, 0.03, 0.1, 0.3, 1.0)
RESTS = (0.01, 0.03, 0.1, 0.3, 1.0)  # v: relative variance that they do not
LARGEST = 4096  # items that the model is fitted to, the busiest: more changes little and costs time
NARROWEST, WIDEST = 0.05, 4.0  # anchors stay within these multiples of g: a line knows no bounds


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
    busy = np.flatnonzero(looks > 0)
    if busy.size > LARGEST:
        busy = busy[np.argpartition(-looks[busy], LARGEST)[:LARGEST]]
    n = looks[busy]
    y = hits[busy] / n / rate - 1  # (n_busy,)
    noise = (1 - rate) / (n * rate)  # (n_busy,)
    x = np.asarray(vectors[busy], dtype=np.float64)  # (n_busy, d)
    size = float((x * x).sum(axis=1).mean()) if busy.size else 0.0
    if size == 0.0:
        return _flat(looks.size, rate, item_clicks)
    best, u, v = -np.inf, 0.0, RESTS[0]
    for rest in RESTS:
        for spread, value in zip(
            SPREADS, _log_likelihoods(x, y, rest + noise, [s / size for s in SPREADS]), strict=True
        ):
            if value > best:
                best, u, v = value, spread / size, rest
    if u == 0.0:
        return _flat(looks.size, rate, item_clicks)
    return _predict(vectors, busy, x, y, 1 / (v + noise), u, v, rate)


def _flat(n_items: int, rate: float, clicks: float) -> Anchor:
    return Anchor(np.full(n_items, rate), np.full(n_items, clicks))


def _log_likelihoods(x: Floats, y: Floats, variance: Floats, scales: list[float]) -> list[float]:
    """Gaussian log evidence of y, for several u with the same D, by the eigenvalues of X' D X."""
    d = 1 / variance  # (n_busy,)
    values, basis = np.linalg.eigh((x.T * d) @ x)  # (d,), (d, d)
    values = np.maximum(values, 0.0)
    c = basis.T @ (x.T @ (d * y))  # (d,)
    fixed = -0.5 * (np.log(variance).sum() + (d * y * y).sum())
    return [
        float(fixed - 0.5 * np.log1p(u * values).sum() + 0.5 * (u * c * c / (1 + u * values)).sum())
        for u in scales
    ]


def _predict(
    vectors: Floats,
    busy: NDArray[np.intp],
    x: Floats,
    y: Floats,
    d: Floats,
    u: float,
    v: float,
    rate: float,
) -> Anchor:
    inverse = np.linalg.inv(np.eye(x.shape[1]) / u + (x.T * d) @ x)  # (d, d)
    b = inverse @ (x.T @ (d * y))  # (d,)
    everyone = np.asarray(vectors, dtype=np.float64)
    line = everyone @ b  # (n_items,)
    spread = ((everyone @ inverse) * everyone).sum(axis=1)  # (n_items,) x' A^-1 x
    leverage = np.minimum(d * spread[busy], 0.99)  # (n_busy,)
    line[busy] = (line[busy] - leverage * y) / (1 - leverage)
    spread[busy] = spread[busy] / (1 - leverage)
    blank = ~everyone.any(axis=1)
    spread[blank] = u * float((x * x).sum(axis=1).mean())  # no vector: as unsure as before any fit
    mean = rate * np.clip(1 + line, NARROWEST, WIDEST)  # (n_items,)
    return Anchor(np.minimum(mean, 0.9), 1 / (v + spread))
