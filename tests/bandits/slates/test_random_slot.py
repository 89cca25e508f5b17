"""One random slot: its propensities against every slate that can come of every draw."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.slates.composition import choose
from bandits.slates.constraints import Limits
from bandits.slates.law import law_of_rows
from bandits.slates.random_slot import RandomSlot, of_slot, random_slot, with_slot
from bandits.slates.replacement import replaceable

N, K = 9, 4
CATEGORY = np.array([0, 0, 0, 1, 1, 1, 2, 2, -1], dtype=np.int32)
NO_MEMBER = np.zeros((0, N), dtype=np.bool_)
MEMBER = np.array([[1, 0, 0, 1, 0, 0, 1, 0, 1], [0, 1, 1, 0, 0, 1, 0, 0, 0]], dtype=np.bool_)
LIMITS = {
    "none": None,
    "category": Limits(CATEGORY, 1, NO_MEMBER, (), ()),
    "cap and floor": Limits(None, N + 1, MEMBER, (1, 1), (2, N + 1)),
    "all": Limits(CATEGORY, 2, MEMBER, (1, 0), (2, 1)),
    "cap that gives way": Limits(None, N + 1, np.ones((1, N), dtype=np.bool_), (0,), (2,)),
}


def draws(limits: Limits | None, n: int = 12) -> np.ndarray:
    rng = np.random.default_rng(3)
    return choose(rng.random((n, N)) + np.linspace(1, 0, N), K, rng, limits=limits).columns


def everything(limits: Limits | None, rows: np.ndarray) -> np.ndarray:
    """Probability of each item at each place (N, K), slate by slate."""
    p = np.zeros((N, K))
    for row in rows:
        for place in range(K):
            may = np.arange(N)
            if limits is not None:
                may = np.flatnonzero(replaceable(limits, row, place))
            for item in may:
                slate = row.copy()
                slate[row == item] = row[place]
                slate[place] = item
                p[slate, np.arange(K)] += 1 / (len(rows) * K * may.size)
    return p


def said_of(slot: RandomSlot) -> np.ndarray:
    """Of every item at every place."""
    items = np.repeat(np.arange(N)[:, None], K, axis=1)
    return of_slot(slot, items, *slot.law.of(items))


@pytest.mark.parametrize("name", LIMITS)
def test_propensities_are_the_sum_over_all_slates_that_can_come(name: str):
    rows = draws(LIMITS[name])
    slot = random_slot(LIMITS[name], np.arange(N), law_of_rows(rows))
    said = said_of(slot)
    np.testing.assert_allclose(said, everything(LIMITS[name], rows), atol=1e-12)
    np.testing.assert_allclose(said.sum(axis=0), 1)


@pytest.mark.parametrize("name", ["category", "cap and floor", "all"])
def test_a_random_slot_breaks_no_limit_and_shows_an_item_once(name: str):
    limits, rng = LIMITS[name], np.random.default_rng(4)
    assert limits is not None
    rows = draws(limits)
    slot = random_slot(limits, np.arange(N), law_of_rows(rows))
    for row in np.repeat(rows, 20, axis=0):
        source, place, item = with_slot(slot, row, rng)
        slate = row[source]
        slate[place] = item
        assert np.unique(slate).size == K
        if limits.category is not None:
            count = np.bincount(limits.category[slate] + 1, minlength=4)[1:]
            assert (count <= limits.per_category).all()
        before, after = limits.member[:, row].sum(axis=1), limits.member[:, slate].sum(axis=1)
        assert (after <= np.maximum(limits.most, before)).all()
        assert (after >= np.minimum(limits.least, before)).all()


def test_without_limits_no_item_is_below_its_part_of_the_random_slot():
    slot = random_slot(None, np.arange(N), law_of_rows(np.tile(np.arange(K), (3, 1))))
    said = said_of(slot)
    assert said.min() == pytest.approx(1 / (K * N))
