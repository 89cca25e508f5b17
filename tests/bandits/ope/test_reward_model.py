import numpy as np
import pytest

from bandits.ope.log import Shape
from bandits.ope.reward_model import fit_reward_model
from tests.bandits.ope.making import paper_log, rows


def test_paper_log_shrinks_from_general_to_specific():
    """Six rows, three clicks, g = 1/2, strength 1, so k = 1 x 6 / 3 = 2. Items: clicks 2, 1, 0 of 2
    rows each.

    m = ((2 + 1) / 4, (1 + 1) / 4, (0 + 1) / 4); one segment, so q_sa = (clicks + 2 m) / 4 = (3.5/4,
    2/4, 0.5/4). Clicks by place 2 and 1 of 3: f = ((2 + 1) / 5, (1 + 1) / 5) / g = (1.2, 0.8).
    """
    model = fit_reward_model(paper_log(), Shape(1, 2, 3), strength=1.0)
    expected = np.array([3.5 / 4, 2 / 4, 0.5 / 4])
    np.testing.assert_allclose(model.table, [[1.2 * expected, 0.8 * expected]])
    assert model.rewarded == 3


def test_no_reward_at_all_is_a_model_of_zero():
    model = fit_reward_model(paper_log(), Shape(2, 2, 4), reward="conversion")
    assert model.rewarded == 0
    assert model.table.shape == (2, 2, 4)
    assert not model.table.any()


def test_items_and_segments_never_seen_get_the_general_rate():
    model = fit_reward_model(
        rows(item=[0] * 10, propensity=[1.0] * 10, click=[1, 0] * 5), Shape(2, 1, 2)
    )
    np.testing.assert_allclose(model.table, 0.5)


def test_rates_ten_times_lower_shrink_alike():
    """As many clicks in ten times the rows: the same picture at a tenth of the rate."""
    rng = np.random.default_rng(0)
    item = np.repeat(np.arange(4), 500)
    click = rng.random(2000) < 0.1 * (1 + item)
    high = fit_reward_model(rows(item=item, propensity=np.ones(2000), click=click), Shape(1, 1, 4))
    diluted = np.concatenate([click, np.zeros(18_000)])
    low = fit_reward_model(
        rows(item=np.tile(item, 10), propensity=np.ones(20_000), click=diluted), Shape(1, 1, 4)
    )
    np.testing.assert_allclose(low.table, high.table / 10, rtol=1e-12)


def test_values_that_cancel_out_are_no_division_by_zero():
    model = fit_reward_model(
        rows(item=[0, 1], propensity=[1, 1], value=[5.0, -5.0]), Shape(1, 1, 2), "value"
    )
    assert np.isfinite(model.table).all()
    assert model.table[0, 0, 0] == pytest.approx(-model.table[0, 0, 1])
