"""Signals and their combination: what the combiners have in common.

A signal is one voice in the order of a slate: a policy's score of the click objective, or another
objective. It is the same in every draw (one row) or drawn (one row per draw).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from bandits.arms import Floats


class Signals(NamedTuple):
    """Scorers over one set of items.

    Attributes
    ----------
    names
        One per signal, as they stand in `why`.
    weights
        (n_signals,) above 0, summing to 1.
    values
        One array per signal, (n_draws, n_items), or (1, n_items) where all draws are equal;
        calibrated, larger is better.

    """

    names: tuple[str, ...]
    weights: tuple[float, ...]
    values: tuple[Floats, ...]

    @property
    def n_draws(self) -> int:
        """Rows of the drawn signals, 1 where none is drawn."""
        return max(int(value.shape[0]) for value in self.values)


class Combined(NamedTuple):
    """One order: score (n_draws, n_items), and the parts it was made of by name, (n_draws or 1,
    n_items) each.
    """

    score: Floats
    parts: Mapping[str, Floats]


# (signals, depth, rng) -> Combined: only the first `depth` places of the order need be right.
Combiner = Callable[[Signals, int, np.random.Generator], Combined]


def weighted_sum(signals: Signals) -> Floats:
    """sum_i w_i x_i, (n_draws, n_items)."""
    total = np.zeros((1, signals.values[0].shape[1]))
    for weight, value in zip(signals.weights, signals.values, strict=True):
        total = total + weight * value  # grows to (n_draws, n_items) at the first drawn signal
    return total
