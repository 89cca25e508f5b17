"""Counts of the training part of a log: what a policy under test has learned before it
is judged.
"""

import numpy as np

from bandits.counts import Counts, zeros
from bandits.learning.places import BANDS, PlaceCounts, band_of
from bandits.ope.log import F64, Log, Shape, validate


def counts_of(
    log: Log, shape: Shape, examination: F64 | None = None, half_life_s: float | None = None
) -> Counts:
    """Sum a log into counts (n_segments, n_items), as the stream would have.

    Parameters
    ----------
    log
        The training part.
    shape
        Segments and items to make room for.
    examination
        Weight of each position, the last one for all beyond; None counts every impression as one
        look.
    half_life_s
        Age at which a row counts half, seen from the newest row; smaller forgets faster; None
        forgets nothing.

    Raises
    ------
    LogError
        The log is invalid for `shape`.
    """
    validate(log, shape)
    weight = np.ones(log.item.size)  # (n,)
    if half_life_s is not None:
        weight = np.exp2((log.time_s - log.time_s.max()) / half_life_s)
    looked = (
        np.ones(log.item.size)
        if examination is None
        else examination[np.minimum(log.position, len(examination) - 1)]
    )
    cell = log.segment * shape.n_items + log.item  # (n,)

    def total(rows: F64) -> F64:
        sums = np.bincount(cell, weights=weight * rows, minlength=shape.n_segments * shape.n_items)
        # (n_segments, n_items)
        return sums.astype(np.float64).reshape(shape.n_segments, shape.n_items)

    return zeros(shape.n_segments, shape.n_items)._replace(
        impressions=total(np.ones(log.item.size)),
        clicks=total(log.click),
        conversions=total(log.conversion),
        value=total(log.value),
        examined=total(looked),
    )


def placed_of(log: Log, n_items: int) -> PlaceCounts:
    """Count where a log showed what: impressions and clicks of every (segment, item) by place."""
    cells, index = np.unique(log.segment * n_items + log.item, return_inverse=True)
    shown, clicks = np.zeros((2, cells.size, len(BANDS)))
    where = index, band_of(log.position)
    np.add.at(shown, where, 1.0)
    np.add.at(clicks, where, log.click)
    return PlaceCounts(cells // n_items, cells % n_items, shown, clicks)
