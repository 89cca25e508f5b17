"""Odds: a click rate whose odds are multiplied, m x / (1 + (m - 1) x)."""

from __future__ import annotations

import numpy as np

from bandits.arms import Floats

CERTAIN = 1 - 1e-3  # an index of 1 says that nothing is known: it can lose all the same


def raised(x: Floats, odds: Floats) -> Floats:
    """Rates with their odds multiplied, any shape.

    Examples
    --------
    Even odds, and three to one.

    >>> raised(np.array([0.5, 0.5]), np.array([1.0, 3.0]))
    array([0.5 , 0.75])

    """
    x = np.clip(x, 0.0, CERTAIN)
    return np.asarray(odds * x / (1 + (odds - 1) * x))
