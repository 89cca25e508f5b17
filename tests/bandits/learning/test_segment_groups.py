"""Fields that are worth serving apart by, and segments that agree in them."""

import numpy as np
import pytest

from bandits.learning import segment_groups
from bandits.learning.segment_groups import Splits, add_up, find_splits, group
from tests.bandits.learning.test_field_effects import N_ITEMS, SIZES, counts_of, world


def splits_of(codes, n, s):
    return find_splits(n, s, np.full(N_ITEMS, 0.05), np.full(N_ITEMS, 10.0), codes)


def splits(*apart):
    return Splits(apart, np.ones(len(apart)), np.ones(len(apart)), (), 1.0)


def test_the_field_that_matters_is_worth_it_and_no_other():
    found = splits_of(*world()[:3])
    assert found.apart == (False, True, False)
    assert found.gains.argmax() == 1
    assert found.pairs == ()


def test_of_many_cells_a_sample_of_items_says_the_same(monkeypatch):
    monkeypatch.setattr(segment_groups, "LARGEST", 3000)
    codes, n, s, _ = world()
    found = splits_of(codes, n, s)
    assert found.apart == (False, True, False)
    assert found.looks == n.sum()


def test_with_few_looks_nothing_is_worth_it():
    codes, n, s, _ = world(looks=0.05)
    assert splits_of(codes, n, s).apart == (False, False, False)


def test_fields_that_say_nothing_are_hardly_ever_worth_it():
    kept = [any(splits_of(*world(seed, spread=(0.0, 0.0, 0.0))[:3]).apart) for seed in range(20)]
    assert sum(kept) <= 1


def test_two_fields_that_matter_only_together_are_found():
    """Liked where both values are even or both are odd."""
    rng = np.random.default_rng(2)
    codes = np.stack([rng.integers(size, size=200) for size in SIZES], axis=1)
    sign = 1 - 2 * ((codes[:, 0] + codes[:, 1]) % 2)  # (n_segments,)
    rate = 1 / (1 + np.exp(3 - sign[:, None] * rng.normal(0, 1, N_ITEMS)))
    n = rng.poisson(30, rate.shape).astype(float)
    found = splits_of(codes, n, rng.binomial(n.astype(int), rate).astype(float))
    assert found.apart == (True, True, False)
    assert [pair[:2] for pair in found.pairs] == [(0, 1)]


def test_segments_that_agree_are_one_and_names_stay_apart():
    codes = np.array([[0, 0], [-1, -1], [0, 1], [1, 0], [-1, -1]])
    found = group(codes, splits(True, False))
    assert found.of[0] == found.of[2]
    assert len(set(found.of.tolist())) == 4
    assert found.codes[found.of].tolist() == [[0, -1], [-1, -1], [0, -1], [1, -1], [-1, -1]]
    assert found.find((1, 99)) == found.of[3]
    assert found.find((2, 0)) is None
    assert found.of[found.first].tolist() == [0, 1, 2, 3]


def test_where_nothing_is_worth_it_all_that_fields_make_are_one():
    found = group(np.array([[0, 0], [1, 2], [-1, -1]]), splits(False, False))
    assert found.of[0] == found.of[1] != found.of[2]
    assert found.find((7, -1)) == found.of[0]


@pytest.mark.parametrize("apart", [(False, True, False), (True, True, True)])
def test_counts_of_a_group_are_the_sum(apart):
    codes, n, s, _ = world(n_segments=30)
    counts = counts_of(n, s)._replace(recent=(counts_of(n / 2, s / 2),))
    found = group(codes, splits(*apart))
    summed = add_up(counts, found)
    for number in range(len(found.codes)):
        mine = found.of == number
        np.testing.assert_allclose(summed.clicks[number], s[mine].sum(axis=0))
        np.testing.assert_allclose(summed.recent[0].examined[number], n[mine].sum(axis=0) / 2)
