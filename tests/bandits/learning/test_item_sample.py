"""A sample of items is spread evenly, and the same every time."""

import numpy as np
import pytest

from bandits.learning.item_sample import item_sample


@pytest.mark.parametrize("period", [2, 3, 7, 10, 64])
def test_every_regular_part_of_the_catalogue_has_its_share(period):
    sample = item_sample(np.arange(50_000), 10_000)
    share = np.bincount(sample % period, minlength=period) / sample.size
    assert share == pytest.approx(np.full(period, 1 / period), rel=0.1)


def test_few_items_are_all_kept_and_many_are_cut_in_order():
    assert item_sample(np.arange(5), 5).tolist() == [0, 1, 2, 3, 4]
    sample = item_sample(np.arange(100, 400), 50)
    assert sample.size == 50
    assert (np.diff(sample) > 0).all()
