"""The fit of field effects: Newton steps, field after field (`bandits.learning.field_effects` has
the equations).
"""

from __future__ import annotations

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


class Cells(NamedTuple):
    """Cells with looks, (n_cells,) each."""

    rows: Ints
    items: Ints
    n: Floats
    s: Floats


class Field:
    """One field while it is fitted: `key` is (value, item) of every cell, as one number."""

    def __init__(self, codes: Ints, cells: Cells, n_items: int) -> None:
        self.codes = _frequent(codes, cells, n_items)  # (n_segments,)
        self.shape = int(self.codes.max(initial=-1)) + 2, n_items
        rows = np.where(self.codes < 0, self.shape[0] - 1, self.codes)  # the last is the unknown
        self.value = rows[cells.rows]
        self.key = self.value * n_items + cells.items
        self.known = self.value < self.shape[0] - 1
        self.level = np.zeros(self.shape[0])
        self.effect = np.zeros(self.shape[0] * n_items)
        self.worth = np.zeros(self.shape[0] * n_items)  # W
        self.clicks, self.gain = np.inf, 0.0

    def at_cells(self) -> Floats:
        """Its part of the log-odds, (n_cells,)."""
        return self.level[self.value] + self.effect[self.key]

    def sums(self, of: Floats) -> Floats:
        """Sums over the segments with a value, by (value, item); 0 for the unknown."""
        total = np.bincount(self.key, of * self.known, self.effect.size)
        return np.asarray(total, dtype=np.float64)


class Fit(NamedTuple):
    """A fit: the cells, the fields, and the log-odds of the cells, (n_cells,)."""

    cells: Cells
    fields: list[Field]
    eta: Floats
    n_items: int

    def clicks(self) -> Floats:
        """c_f, (n_fields,)."""
        return np.array([field.clicks for field in self.fields])

    def gains(self) -> Floats:
        """Nats by which each field's effects are likelier than none, (n_fields,)."""
        return np.array([field.gain for field in self.fields])

    def pair(self, f: int, g: int) -> Field:
        """Two fields as one, whose values are the pairs of theirs; its gain is what it says beyond
        both.
        """
        one, other = self.fields[f].codes, self.fields[g].codes
        size = int(other.max(initial=0)) + 1
        known = (one >= 0) & (other >= 0)
        _, codes = np.unique(np.where(known, one * size + other, -1), return_inverse=True)
        field = Field(codes.ravel() - int(not known.all()), self.cells, self.n_items)
        with_level = _with_level(field, self.cells, self.eta)
        field.clicks, field.gain = _strength(field, self.cells, with_level)
        return field

    def with_pair(self, pair: Field) -> Fit:
        """The fit with a pair's effects in it, and every field asked again what it says beside."""
        eta = _field_step(pair, self.cells, self.eta + pair.at_cells(), learn=False)
        for field in self.fields:
            eta = _field_step(field, self.cells, eta, learn=True)
        return self._replace(eta=eta)


def fit_fields(looks: Floats, hits: Floats, mean: Floats, clicks: Floats, codes: Ints) -> Fit:
    """The fit itself; arguments as of `fit_effects`."""
    n_items = looks.shape[1]
    rows, items = np.nonzero(looks)
    s = hits[rows, items]
    cells = Cells(rows, items, np.maximum(looks[rows, items], s), s)
    fields = [Field(codes[:, f], cells, n_items) for f in range(codes.shape[1])]
    start = logit(mean)  # (n_items,)
    base = start.copy()
    eta = base[items]  # (n_cells,)
    for _ in range(2):
        eta, base = _base_step(cells, eta, base, start, clicks)
    order = sorted(fields, key=lambda field: -_level_then_gain(field, cells, eta))
    for sweep in range(SWEEPS):
        for field in order:
            eta = _field_step(field, cells, eta, learn=sweep < SWEEPS - 1)
        eta, base = _base_step(cells, eta, base, start, clicks)
    return Fit(cells, fields, eta, n_items)


def _level_then_gain(field: Field, cells: Cells, eta: Floats) -> float:
    """What the field says alone."""
    other = _with_level(field, cells, eta)
    return _strength(field, cells, other)[1]


def _field_step(field: Field, cells: Cells, eta: Floats, *, learn: bool) -> Floats:
    """One Newton step for what a field says; returns the new log-odds, (n_cells,)."""
    other = eta - field.at_cells()
    with_level = _with_level(field, cells, other)
    if learn:
        field.clicks, field.gain = _strength(field, cells, with_level)
    if np.isinf(field.clicks):
        field.effect[:] = field.worth[:] = 0.0
        return with_level
    for _ in range(2):  # from nothing, the first step falls short where a value is clicked much
        p = rate_of(with_level + field.effect[field.key])
        field.worth = field.sums(cells.n * p * (1 - p))
        slope = field.sums(cells.s - cells.n * p) - field.clicks * field.effect
        step = slope / (field.worth + field.clicks)
        field.effect += np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return with_level + field.effect[field.key]


def _with_level(field: Field, cells: Cells, other: Floats) -> Floats:
    """Fit how much each value clicks at all, its effects on items as they are; returns the log-odds
    without those effects.
    """
    p = rate_of(other + field.at_cells())
    size = field.level.size
    slope = np.bincount(field.value, (cells.s - cells.n * p) * field.known, size)
    bend = np.bincount(field.value, cells.n * p * (1 - p) * field.known, size)
    step = (slope - LEVEL_CLICKS * field.level) / (bend + LEVEL_CLICKS)
    field.level += np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return np.asarray(other + field.level[field.value], dtype=np.float64)


def _base_step(
    cells: Cells, eta: Floats, base: Floats, start: Floats, clicks: Floats
) -> tuple[Floats, Floats]:
    p = rate_of(eta)
    slope = np.bincount(cells.items, cells.s - cells.n * p, base.size) - clicks * (base - start)
    step = slope / (np.bincount(cells.items, cells.n * p * (1 - p), base.size) + clicks)
    step = np.clip(step, -LONGEST_STEP, LONGEST_STEP)
    return eta + step[cells.items], base + step


def _strength(field: Field, cells: Cells, eta: Floats) -> tuple[float, float]:
    """c_f and its gain in nats over a field that says nothing; `eta` is without its effects."""
    expected, hits = field.sums(cells.n * rate_of(eta)), field.sums(cells.s)
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


def _frequent(codes: Ints, cells: Cells, n_items: int) -> Ints:
    """Codes with the rarest values unknown where there are too many."""
    most = max(1, MAX_CELLS // max(1, n_items))
    n_values = int(codes.max(initial=-1)) + 1
    if n_values <= most:
        return codes
    seen = np.bincount(np.maximum(codes, 0)[cells.rows], cells.n, n_values)
    keep = np.zeros(n_values, dtype=np.bool_)
    keep[np.argpartition(-seen, most - 1)[:most]] = True
    return np.where((codes >= 0) & keep[np.maximum(codes, 0)], codes, -1)


def rate_of(eta: Floats) -> Floats:
    """Rates of log-odds."""
    return np.asarray(1 / (1 + np.exp(-eta)), dtype=np.float64)


def logit(rate: Floats) -> Floats:
    """Log-odds of rates, kept off 0 and 1."""
    inside = np.clip(rate, LOWEST, HIGHEST)
    return np.asarray(np.log(inside / (1 - inside)), dtype=np.float64)
