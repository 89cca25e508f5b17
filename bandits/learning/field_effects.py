"""Field effects: what every value of a context field says about every item, so that a combination
of values which was never seen starts from what its values say.

    logit p_si = b_i + sum_f (a_f[v_f(s)] + u_f[v_f(s), i])          v_f(s): value of f in segment s
    b_i ~ N(logit anchor, 1 / c_item)      a_f[v] ~ N(0, 1 / c_level)      u_f[v, i] ~ N(0, 1 / c_f)
    G = sum_{s: v_f(s) = v} (s_si - n_si p_si)        W = sum_{s: v_f(s) = v} n_si p_si (1 - p_si)
    u_f <- u_f + (G - c_f u_f) / (W + c_f)            Newton, field after field, b and a likewise
    c_f maximises sum_{v,i} log NegativeBinomial(H | E, c_f),  H hits and E what is expected of the
    others, over a grid; none where no c_f is likelier than "says nothing" by `GAIN`: then u_f = 0

c_f is in clicks, as all strengths: a value with as many clicks of an item believes half of what
they say. The fields are taken by what each says alone, most first, so that one which only goes with
another keeps nothing. A cell's own counts are left out of its shift: with w = n p (1 - p), it is
less V (s - n p), V = sum_f 1 / (W - w + c_f), and V is its variance. Only sums per (value, item)
are used, and only cells with looks cost time.

Not promised: what two values say only together is no sum of what each says; that is left to the
segment's own counts and to c_seg. Where clicks are likelier than not, the Poisson law behind c_f
takes noise for larger than it is, and shrinks too much.

McCullagh & Nelder (1989), Generalized Linear Models, section 2.5; Breslow & Clayton (1993),
Approximate Inference in Generalized Linear Mixed Models; Buja, Hastie & Tibshirani (1989), Linear
Smoothers and Additive Models (backfitting).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.learning.item_sample import item_sample
from bandits.learning.special import log_gamma

Ints = NDArray[np.int64]

# c_f in clicks: from a spread of 2 in log-odds to 6%
GRID: Floats = np.asarray(2.0 ** np.arange(-2, 9), dtype=np.float64)
# nats by which a field must be likelier than none: one that says nothing passes in 1 of 100 fits
GAIN = 3.0
LEVEL_CLICKS = 4.0  # a value clicks half as much or twice as much as another
SWEEPS = 3  # the fourth changes the third digit of what a benchmark earns
LONGEST_STEP = 2.0  # of a Newton step in log-odds: far from the top the curvature says little
LOWEST, HIGHEST = 1e-9, 0.999  # of a rate
LARGEST = 20_000  # (value, item) pairs that c_f is learned from
MAX_CELLS = 4_000_000  # (value, item) pairs of one field; rarer values are unknown


class Effects(NamedTuple):
    """Fitted effects.

    Attributes
    ----------
    values
        Per field (n_values + 1, n_items) a + u in log-odds; the last row is that of values unknown.
    variances
        Per field, the same shape: 1 / (W + c_f), and 1 / c_f for the unknown.
    clicks
        (n_fields,) c_f; infinity for a field that says nothing.
    shift, variance
        (n_segments, n_items) sums over fields, without what the cell itself counts.

    """

    values: tuple[Floats, ...]
    variances: tuple[Floats, ...]
    clicks: Floats
    shift: Floats
    variance: Floats

    def among(self, items: Ints) -> Effects:
        """The same of some items."""
        return Effects(
            tuple(table[:, items] for table in self.values),
            tuple(table[:, items] for table in self.variances),
            self.clicks,
            self.shift[:, items],
            self.variance[:, items],
        )

    def of(self, codes: Sequence[int] | Ints) -> tuple[Floats, Floats]:
        """Shift and variance, (n_items,) each, of a combination without counts: the code of its
        value in each field, -1 where that is unknown.
        """
        n_items = self.shift.shape[1]
        known = [
            c if c < len(table) - 1 else -1 for c, table in zip(codes, self.values, strict=True)
        ]
        return (
            sum((table[c] for table, c in zip(self.values, known, strict=True)), np.zeros(n_items)),
            sum(
                (table[c] for table, c in zip(self.variances, known, strict=True)),
                np.zeros(n_items),
            ),
        )


class _Cells(NamedTuple):
    """Cells with looks, (n_cells,) each."""

    rows: Ints
    items: Ints
    n: Floats
    s: Floats


class _Field:
    """One field while it is fitted: `key` is (value, item) of every cell, as one number."""

    def __init__(self, codes: Ints, cells: _Cells, n_items: int) -> None:
        self.codes = _frequent(codes, cells, n_items)  # (n_segments,)
        self.shape = int(self.codes.max(initial=-1)) + 2, n_items
        rows = np.where(self.codes < 0, self.shape[0] - 1, self.codes)  # the last is the unknown
        self.value = rows[cells.rows]
        self.key = self.value * n_items + cells.items
        self.known = self.value < self.shape[0] - 1
        self.level = np.zeros(self.shape[0])
        self.effect = np.zeros(self.shape[0] * n_items)
        self.worth = np.zeros(self.shape[0] * n_items)  # W
        self.clicks = np.inf

    def at_cells(self) -> Floats:
        """Its part of the log-odds, (n_cells,)."""
        return self.level[self.value] + self.effect[self.key]

    def sums(self, of: Floats) -> Floats:
        """Sums over the segments with a value, by (value, item); 0 for the unknown."""
        total = np.bincount(self.key, of * self.known, self.effect.size)
        return np.asarray(total, dtype=np.float64)


def fit_effects(looks: Floats, hits: Floats, mean: Floats, clicks: Floats, codes: Ints) -> Effects:
    """Fit what values of fields say about items.

    Parameters
    ----------
    looks, hits
        (n_segments, n_items).
    mean, clicks
        (n_items,) where items start from, and how many clicks that is worth.
    codes
        (n_segments, n_fields) value of each field, from 0; -1 where a segment says none.

    """
    n_items = looks.shape[1]
    rows, items = np.nonzero(looks)
    s = hits[rows, items]
    cells = _Cells(rows, items, np.maximum(looks[rows, items], s), s)
    fields = [_Field(codes[:, f], cells, n_items) for f in range(codes.shape[1])]
    start = _logit(mean)  # (n_items,)
    base = start.copy()
    eta = base[items]  # (n_cells,)
    for _ in range(2):
        eta, base = _base_step(cells, eta, base, start, clicks)
    order = sorted(fields, key=lambda field: -_level_then_gain(field, cells, eta))
    for sweep in range(SWEEPS):
        for field in order:
            eta = _field_step(field, cells, eta, learn=sweep < SWEEPS - 1)
        eta, base = _base_step(cells, eta, base, start, clicks)
    values, variances = zip(*(_tables(field) for field in fields), strict=True)
    known = np.array([field.clicks for field in fields])
    shift = sum((v[field.codes] for v, field in zip(values, fields, strict=True)), np.zeros(1))
    spread = sum((v[field.codes] for v, field in zip(variances, fields, strict=True)), np.zeros(1))
    p = _rate(eta)
    w = cells.n * p * (1 - p)
    without, more = np.zeros((2, rows.size))  # V of what the cell takes part in, and what is added
    for field in fields:
        if np.isfinite(field.clicks):
            whole = field.worth[field.key] + field.clicks
            rest = np.maximum(whole - w, field.clicks)
            without += field.known / rest
            more += field.known * (1 / rest - 1 / whole)
    shift[rows, items] -= without * (s - cells.n * p)
    spread[rows, items] += more
    return Effects(values, variances, known, shift, spread)


def shifted(mean: Floats, shift: Floats) -> Floats:
    """Rates `mean` moved by `shift` in log-odds, relative to what they were."""
    return _rate(_logit(mean) + shift) / mean


def _level_then_gain(field: _Field, cells: _Cells, eta: Floats) -> float:
    """What the field says alone."""
    other = _with_level(field, cells, eta)
    return _strength(field, cells, other)[1]


def _field_step(field: _Field, cells: _Cells, eta: Floats, *, learn: bool) -> Floats:
    """One Newton step for what a field says; returns the new log-odds, (n_cells,)."""
    other = eta - field.at_cells()
    with_level = _with_level(field, cells, other)
    if learn:
        field.clicks = _strength(field, cells, with_level)[0]
    if np.isinf(field.clicks):
        field.effect[:] = field.worth[:] = 0.0
        return with_level
    for _ in range(2):  # from nothing, the first step falls short where a value is clicked much
        p = _rate(with_level + field.effect[field.key])
        field.worth = field.sums(cells.n * p * (1 - p))
        slope = field.sums(cells.s - cells.n * p) - field.clicks * field.effect
        step = slope / (field.worth + field.clicks)
        field.effect += np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return with_level + field.effect[field.key]


def _with_level(field: _Field, cells: _Cells, other: Floats) -> Floats:
    """Fit how much each value clicks at all, its effects on items as they are; returns the log-odds
    without those effects.
    """
    p = _rate(other + field.at_cells())
    size = field.level.size
    slope = np.bincount(field.value, (cells.s - cells.n * p) * field.known, size)
    bend = np.bincount(field.value, cells.n * p * (1 - p) * field.known, size)
    step = (slope - LEVEL_CLICKS * field.level) / (bend + LEVEL_CLICKS)
    field.level += np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return np.asarray(other + field.level[field.value], dtype=np.float64)


def _base_step(
    cells: _Cells, eta: Floats, base: Floats, start: Floats, clicks: Floats
) -> tuple[Floats, Floats]:
    p = _rate(eta)
    slope = np.bincount(cells.items, cells.s - cells.n * p, base.size) - clicks * (base - start)
    step = slope / (np.bincount(cells.items, cells.n * p * (1 - p), base.size) + clicks)
    step = np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return eta + step[cells.items], base + step


def _strength(field: _Field, cells: _Cells, eta: Floats) -> tuple[float, float]:
    """c_f and its gain in nats over a field that says nothing; `eta` is without its effects."""
    expected, hits = field.sums(cells.n * _rate(eta)), field.sums(cells.s)
    pairs = item_sample(np.flatnonzero(expected > 0), LARGEST)
    if pairs.size == 0:
        return np.inf, 0.0
    e, h = expected[pairs], hits[pairs]
    scale = np.count_nonzero(expected > 0) / pairs.size
    clicked = h[h > 0]
    fit = np.array(
        [
            (c * np.log(c / (c + e)) - h * np.log(c + e) + e).sum()
            + (log_gamma(c + clicked) - log_gamma(np.array([c]))).sum()
            for c in GRID
        ]
    )
    gain = float(fit.max() * scale)
    if gain < GAIN:
        return np.inf, gain
    weight = np.exp(fit - fit.max())
    return float(np.exp((weight * np.log(GRID)).sum() / weight.sum())), gain


def _tables(field: _Field) -> tuple[Floats, Floats]:
    effect = (field.effect.reshape(field.shape) + field.level[:, None]).astype(np.float64)
    if np.isinf(field.clicks):
        return effect, np.zeros(field.shape)
    return effect, 1 / (field.worth.reshape(field.shape) + field.clicks)


def _frequent(codes: Ints, cells: _Cells, n_items: int) -> Ints:
    """Codes with the rarest values unknown where there are too many."""
    most = max(1, MAX_CELLS // n_items)
    n_values = int(codes.max(initial=-1)) + 1
    if n_values <= most:
        return codes
    seen = np.bincount(np.maximum(codes, 0)[cells.rows], cells.n, n_values)
    keep = np.zeros(n_values, dtype=np.bool_)
    keep[np.argpartition(-seen, most - 1)[:most]] = True
    return np.where((codes >= 0) & keep[np.maximum(codes, 0)], codes, -1)


def _rate(eta: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-eta)), dtype=np.float64)


def _logit(rate: Floats) -> Floats:
    inside = np.clip(rate, LOWEST, HIGHEST)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)
