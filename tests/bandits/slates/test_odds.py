"""Odds: a multiplied one is a rate again, in the same order."""

from __future__ import annotations

import numpy as np

from bandits.slates.odds import raised


def test_three_to_one_times_a_third_is_even():
    assert raised(np.array(0.75), np.array(1 / 3)) == 0.5


def test_rates_stay_rates_and_keep_their_order():
    x = np.array([-0.1, 0.0, 0.01, 0.5, 0.99, 1.0, 1.2])
    for odds in (0.02, 1.0, 50.0):
        y = raised(x, np.full(x.size, odds))
        assert ((y >= 0) & (y < 1)).all()
        assert (np.diff(y) >= 0).all()


def test_an_index_of_one_can_lose():
    assert raised(np.array(1.0), np.array(0.02)) < raised(np.array(0.97), np.array(1.0))
