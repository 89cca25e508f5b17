"""The position-based model: a click needs a look, and how often a place is looked at is learned
from randomised logs.

    P(click on item i at place j) = w_j theta_i,   w_0 = 1
    w_j = C_j / sum_i n_ij theta_i,   theta_i = C_i / sum_j n_ij w_j          (alternating, each
    step maximises the likelihood of
                                                                              Poisson counts; both
                                                                              sides scaled so that
                                                                              w_0 = 1)

n_ij impressions and c_ij clicks of item i at place j. Where the log puts items at random, w_j is
the click rate of place j over that of place 0, and the alternation changes next to nothing;
elsewhere it takes out that better items stand higher, as far as the model holds. Wrong tool when
users stop at the first click: use `bandits.learning.cascade`. Craswell, Zoeter, Taylor & Ramsey
(2008), An Experimental Comparison of Click Position-Bias Models; Joachims, Swaminathan & Schnabel
(2017), Unbiased Learning-to-Rank with Biased Feedback (randomised swaps).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

# A weight from fewer clicks at one place is off by a third and more, two times in three.
FEWEST_CLICKS = 10
STEPS = 200
PRECISION = 1e-10


class TooFewClicks(ValueError):
    """A place with too few clicks to say how often it is looked at."""


class Examination(NamedTuple):
    """Weights per place: (n_places,) w relative to place 0, in (0, ...), and their relative
    standard error.
    """

    weights: Floats
    relative_error: Floats


def estimate_examination(impressions: Floats, clicks: Floats) -> Examination:
    """Learn how often each place is looked at.

    Parameters
    ----------
    impressions, clicks
        (n_items, n_places) counts of the log; places from the top. Best from slates in random
        order.

    Returns
    -------
    Weights with w_0 = 1; the error of w_j is sqrt(1 / C_j + 1 / C_0), as for a ratio of counts.

    Raises
    ------
    TooFewClicks
        If a place has fewer than 10 clicks.
    ValueError
        If the arrays differ in shape, are not 2-d, or hold more clicks than impressions.

    Examples
    --------
    >>> shown = np.full((2, 2), 1000.0)
    >>> estimate_examination(shown, np.array([[100.0, 50.0], [200.0, 100.0]])).weights
    array([1. , 0.5])

    """
    if (
        impressions.ndim != 2
        or impressions.shape != clicks.shape
        or not (0 <= clicks).all()
        or not (clicks <= impressions).all()
    ):
        message = (
            "impressions and clicks must be (n_items, n_places) with 0 <= clicks <= "
            f"impressions, found shapes {impressions.shape} and "
            f"{clicks.shape}; count the log again"
        )
        raise ValueError(message)
    by_place = clicks.sum(axis=0)  # (n_places,)
    if (by_place < FEWEST_CLICKS).any():
        place = int(np.argmin(by_place))
        message = (
            f"examination needs at least {FEWEST_CLICKS} clicks at every place, found "
            f"{by_place[place]:g} at place {place}; log more "
            f"slates in random order or ask for {place} places"
        )
        raise TooFewClicks(message)
    by_item = clicks.sum(axis=1)  # (n_items,)
    w = by_place / impressions.sum(axis=0)  # (n_places,)
    for _ in range(STEPS):
        theta = by_item / np.maximum(impressions @ w, 1e-300)  # (n_items,)
        new = by_place / (theta @ impressions)
        new = new / new[0]
        moved = float(np.abs(new - w).max())
        w = new
        if moved < PRECISION:
            break
    return Examination(w, np.sqrt(1 / by_place + 1 / by_place[0]) * (np.arange(w.size) > 0))


def examination_of(positions: NDArray[np.int64], weights: Sequence[float]) -> Floats:
    """Weight of every position, same shape; positions beyond the last weight get the last.

    Raises
    ------
    ValueError
        If there is no weight, one is outside (0, 1], or a position is negative.

    Examples
    --------
    >>> examination_of(np.array([0, 1, 7]), (1.0, 0.5))
    array([1. , 0.5, 0.5])

    """
    table = np.asarray(weights, dtype=np.float64)  # (n_weights,)
    if table.size == 0 or not ((table > 0) & (table <= 1)).all():
        message = (
            f"examination weights must be at least one number in (0, 1], found {tuple(weights)}"
        )
        raise ValueError(message)
    if positions.size and positions.min() < 0:
        message = f"positions must be at least 0, found {int(positions.min())}"
        raise ValueError(message)
    return table[np.minimum(positions, table.size - 1)]


def logarithmic(n_places: int) -> Floats:
    """Weights 1 / log2(place + 1) for places from 1, the discount of DCG: a start where nothing is
    measured.

    Examples
    --------
    >>> logarithmic(3).round(3)
    array([1.   , 0.631, 0.5  ])

    """
    return np.asarray(1 / np.log2(np.arange(n_places) + 2.0), dtype=np.float64)
