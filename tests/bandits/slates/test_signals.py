"""Signals: rows of fixed and drawn voices together."""

from __future__ import annotations

import numpy as np

from bandits.slates.signals import Signals, weighted_sum


def test_a_fixed_signal_counts_in_every_draw():
    """Draws (1, 2) and (3, 4), fixed (10, 20), weights 0.5: (5.5, 11) and (6.5, 12)."""
    given = Signals(
        ("a", "b"), (0.5, 0.5), (np.array([[10.0, 20.0]]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    )
    assert given.n_draws == 2
    np.testing.assert_allclose(weighted_sum(given), [[5.5, 11.0], [6.5, 12.0]])
