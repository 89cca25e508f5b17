"""Check of propensities against frequencies, with care for many comparisons."""

from __future__ import annotations

import numpy as np
from scipy.stats import binom

from bandits.slates.serve import Request, compose
from bandits.slates.snapshot_pools import Snapshot

BATCH = 500


def observe(
    snapshot: Snapshot, request: Request, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Items and propensities of n slates, (n, k) each; batch by batch, so that no list of all
    slates is held.
    """
    items, propensities = [], []
    for _ in range(n // BATCH):
        results = compose(snapshot, [request] * BATCH, rng)
        items.append([result.items for result in results])
        propensities.append([result.propensities for result in results])
    return np.concatenate(items), np.concatenate(propensities)


def assert_calibrated(items: np.ndarray, p: np.ndarray) -> None:
    """Every (item, slot) has one propensity, and its frequency over the n slates (n, k) agrees with
    it.

    At most as many cells may leave their 99% interval as chance allows (99.9% of the time), and
    none may leave the interval of 99.9% for all cells together; the propensities of all items that
    a slot ever showed sum to 1 but for those too rare to be seen.
    """
    n = len(items)
    k = items.shape[1]
    cell = items * k + np.arange(k)  # (n, k)
    cells, first, count = np.unique(cell, return_index=True, return_counts=True)
    said = p.ravel()[first]
    np.testing.assert_array_equal(said[np.searchsorted(cells, cell)], p)
    p = said
    low, high = binom.interval(0.99, n, p)
    outside = int(((count < low) | (count > high)).sum())
    assert outside <= binom.ppf(0.999, len(cells), 0.01), (
        f"{outside} of {len(cells)} outside their 99% interval"
    )
    low, high = binom.interval(1 - 0.001 / len(cells), n, p)
    wrong = np.flatnonzero((count < low) | (count > high))
    assert wrong.size == 0, f"cells {cells[wrong]} outside the interval of all cells together"
    total = np.bincount(cells % k, said)  # (k,)
    assert ((total > 0.99) & (total < 1 + 1e-9)).all(), f"propensities of the slots sum to {total}"
