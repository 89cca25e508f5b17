import numpy as np

from bandits.counts import validate
from bandits.ope.fit import counts_of
from bandits.ope.log import Shape
from tests.bandits.ope.making import paper_log, rows


def test_counts_are_sums_by_segment_and_item():
    log = paper_log()._replace(
        segment=np.array([0, 0, 1, 1, 1, 1]), value=np.array([2.0, 0, 0, 3, 4, 0])
    )
    counts = counts_of(log, Shape(2, 2, 4))
    np.testing.assert_array_equal(counts.impressions, [[1, 1, 0, 0], [1, 1, 2, 0]])
    np.testing.assert_array_equal(counts.clicks, [[1, 0, 0, 0], [1, 1, 0, 0]])
    np.testing.assert_array_equal(counts.value, [[2, 0, 0, 0], [3, 4, 0, 0]])
    np.testing.assert_array_equal(counts.examined, counts.impressions)
    validate(counts)


def test_lower_places_are_looked_at_less():
    """Weights 1, 1/2 and the last for all beyond: items at places 0, 1, 4."""
    log = rows(slate=[0, 0, 0], item=[0, 1, 2], position=[0, 1, 4], propensity=[0.5] * 3)
    counts = counts_of(log, Shape(1, 5, 3), examination=np.array([1.0, 0.5]))
    np.testing.assert_array_equal(counts.examined, [[1.0, 0.5, 0.5]])
    np.testing.assert_array_equal(counts.impressions, [[1.0, 1.0, 1.0]])


def test_old_rows_count_less():
    """Half-life 10 s: rows 20, 10 and 0 s old count 1/4, 1/2 and 1."""
    log = rows(item=[0, 0, 0], propensity=[0.5] * 3, click=[1, 0, 1], time_s=[100.0, 110.0, 120.0])
    counts = counts_of(log, Shape(1, 1, 1), half_life_s=10.0)
    assert counts.impressions[0, 0] == 1.75
    assert counts.clicks[0, 0] == 1.25
