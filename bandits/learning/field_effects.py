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

from bandits.arms import Floats
from bandits.learning.field_fit import Field, Ints, fit_fields, logit, rate_of


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
    fit = fit_fields(looks, hits, mean, clicks, codes)
    fields, cells, eta = fit.fields, fit.cells, fit.eta
    rows, items = cells.rows, cells.items
    values, variances = zip(*(_tables(field) for field in fields), strict=True)
    shift = sum((v[field.codes] for v, field in zip(values, fields, strict=True)), np.zeros(1))
    spread = sum((v[field.codes] for v, field in zip(variances, fields, strict=True)), np.zeros(1))
    p = rate_of(eta)
    w = cells.n * p * (1 - p)
    without, more = np.zeros((2, rows.size))  # V of what the cell takes part in, and what is added
    for field in fields:
        if np.isfinite(field.clicks):
            whole = field.worth[field.key] + field.clicks
            rest = np.maximum(whole - w, field.clicks)
            without += field.known / rest
            more += field.known * (1 / rest - 1 / whole)
    shift[rows, items] -= without * (cells.s - cells.n * p)
    spread[rows, items] += more
    return Effects(values, variances, fit.clicks(), shift, spread)


def shifted(mean: Floats, shift: Floats) -> Floats:
    """Rates `mean` moved by `shift` in log-odds, relative to what they were."""
    return rate_of(logit(mean) + shift) / mean


def _tables(field: Field) -> tuple[Floats, Floats]:
    effect = (field.effect.reshape(field.shape) + field.level[:, None]).astype(np.float64)
    if np.isinf(field.clicks):
        return effect, np.zeros(field.shape)
    return effect, 1 / (field.worth.reshape(field.shape) + field.clicks)
