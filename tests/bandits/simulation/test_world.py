"""Worlds know their best slate."""

import numpy as np
import pytest

from bandits.simulation.world import (
    World,
    WorldError,
    available,
    best_rates,
    check_world,
    rates_at,
    slate_regret,
    trade_places,
    uniform_regret,
)

RATES = np.array([[0.1, 0.4, 0.3, 0.2], [0.5, 0.1, 0.1, 0.3]])
WORLD = World("paper", RATES, np.array([0.75, 0.25]), np.array([1.0, 0.5]))


def test_the_best_slate_has_no_regret_and_others_what_they_lose():
    """Segment 0: best 0.4, 0.3; shown items 0 and 3 = 0.1, 0.2: lost 1 * 0.3 and 0.5 * 0.1."""
    lost = slate_regret(WORLD, 0, np.array([0, 0]), np.array([[1, 2], [0, 3]]))
    assert lost == pytest.approx(np.array([[0, 0], [0.3, 0.05]]))


def test_the_uniform_regret_on_paper():
    """Means 0.25 and 0.25; lost per visit 0.75 (0.15 + 0.025) + 0.25 (0.25 + 0.025) = 0.2."""
    assert uniform_regret(WORLD, 1000) == pytest.approx(200.0)


def test_rates_change_at_their_visit_and_the_best_slate_with_them():
    after = RATES[:, ::-1]
    world = WORLD._replace(rates_after=after, change_at=10)
    assert rates_at(world, 9) is RATES
    assert rates_at(world, 10) is after
    assert best_rates(world, 10)[0] == pytest.approx([0.4, 0.3])
    assert slate_regret(world, 10, np.array([0]), np.array([[1, 2]]))[0] == pytest.approx(
        [0.1, -0.05]
    )
    assert uniform_regret(world, 1000) == pytest.approx(200.0)


def test_items_that_have_not_arrived_are_in_no_best_slate():
    world = WORLD._replace(arrives_at=np.array([0, 5, 0, 0]))
    assert available(world, 4).tolist() == [True, False, True, True]
    assert best_rates(world, 4)[0] == pytest.approx([0.3, 0.2])
    assert best_rates(world, 5)[0] == pytest.approx([0.4, 0.3])


def test_traded_places_keep_every_rate_and_move_the_best():
    rng = np.random.default_rng(0)
    rates = rng.random((3, 30))
    share = np.full(3, 1 / 3)
    after = trade_places(rates, share, 5, rng)
    assert np.sort(after, axis=1) == pytest.approx(np.sort(rates, axis=1))
    best = np.argsort(-(share @ rates))[:5]
    assert (after[:, best] != rates[:, best]).all()
    assert ((after != rates).any(axis=0)).sum() == 10


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"rates": RATES * 3}, r"rates must be .* in \[0, 1\]"),
        ({"share": np.array([0.5, 0.6])}, "sum to 1"),
        ({"examination": np.array([0.5, 1.0])}, "must fall"),
        ({"examination": np.full(5, 0.5)}, "a slate of 5 places needs as many items"),
        ({"rates_after": RATES[:1]}, "rates must be"),
    ],
)
def test_impossible_worlds_are_refused(change, rule):
    with pytest.raises(WorldError, match=rule):
        check_world(WORLD._replace(**change))
