"""What a cascade says was looked at."""

import numpy as np
import pytest

from bandits.learning.cascade import cascade_examined

CLICKED = np.array(
    [
        [False, True, False, False],
        [True, False, True, False],
        [False] * 4,
        [False, False, False, True],
    ]
)


def test_everything_down_to_the_last_click_was_looked_at():
    assert cascade_examined(CLICKED).tolist() == [
        [1, 1, 0, 0],
        [1, 1, 1, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
    ]


def test_below_the_last_click_looks_fade_with_persistence():
    """Last click at place 1: places 2 and 3 count 0.5 and 0.25."""
    assert cascade_examined(CLICKED[:1], persistence=0.5).tolist() == [[1, 1, 0.5, 0.25]]
    assert (cascade_examined(CLICKED, persistence=1.0) == 1).all()


def test_rates_are_unbiased_in_a_cascade_world():
    """Users stop at their first click: clicks / examined finds theta, clicks / impressions does
    not.
    """
    rng = np.random.default_rng(0)
    theta = np.array([0.5, 0.3, 0.2])
    order = np.argsort(rng.random((60_000, 3)), axis=1)
    would = rng.random((60_000, 3)) < theta[order]
    clicked = would & (np.cumsum(would, axis=1) == 1)
    examined = cascade_examined(clicked)
    for item in range(3):
        here = order == item
        assert clicked[here].sum() / examined[here].sum() == pytest.approx(theta[item], abs=0.01)
    assert clicked[order == 2].sum() / 60_000 < 0.17


@pytest.mark.parametrize(("clicked", "persistence"), [(CLICKED, 1.5), (CLICKED[0], 0.5)])
def test_bad_input_is_refused(clicked, persistence):
    with pytest.raises(ValueError, match="persistence must be in"):
        cascade_examined(clicked, persistence=persistence)
