"""The exploration floor: everything eligible has the mixture's propensity, and limits hold."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.slates.constraints import Limits
from bandits.slates.random_slates import of_random, random_slate, random_slates
from bandits.slates.serve import compose
from bandits.slates.slates_with_floor import table_of
from tests.bandits.calibration import assert_calibrated, observe
from tests.bandits.slate_world import ask, make_snapshot

FLOORS = {
    "slates": '[exploration]\nfloor = 0.3\nfloor_of = "slates"\n',
    "slots": "[exploration]\nfloor = 0.15\n",  # of four: six slates in ten have one
}
FLOOR = FLOORS["slates"]
FILES = {
    "default": FLOOR,
    "greedy": FLOOR + "[policies.greedy]",
    "random": FLOOR + "[policies.random]",
    "mmr": FLOOR + '[diversity]\nkind = "mmr"',
    "team draft": 'combiner = "team_draft"\n' + FLOOR,
    "limits": FLOOR + "max_slots = 2\n[exposure]\nmax_per_category = 1\nmin_share = 0.03",
}


@pytest.mark.parametrize("kind", ["slots", "slates"])
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    "more", [{}, {"exclude": np.array([3, 17, 28])}, {"candidates": np.arange(4, 20)}]
)
def test_propensities_are_those_of_the_mixture(name: str, more: dict, kind: str):
    snapshot = make_snapshot(FILES[name].replace(FLOOR, FLOORS[kind]))
    assert_calibrated(*observe(snapshot, ask(4, **more), 3_000, np.random.default_rng(14)))


def test_everything_eligible_has_at_least_its_part_of_the_floor_everywhere():
    """30 items, floor 0.3: no propensity below 0.01, and all items come to every place."""
    snapshot = make_snapshot(FILES["greedy"])
    items, p = observe(snapshot, ask(4), 10_000, np.random.default_rng(1))
    assert p.min() == pytest.approx(0.01)
    assert all(np.unique(items[:, place]).size == 30 for place in range(4))


def test_random_slates_respect_caps_and_floors():
    """30 items of five categories, one of each at most: a slate of five has all five; two of the
    first three items are in it where a floor asks for two.
    """
    snapshot = make_snapshot(
        '[exploration]\nfloor = 1\nfloor_of = "slates"\n[exposure]\nmax_per_category = 1'
    )
    for result in compose(snapshot, [ask(5)] * 200, np.random.default_rng(2)):
        assert sorted(result.items % 5) == [0, 1, 2, 3, 4]
        assert result.why[0]["floor"] == 1.0
    owed = np.arange(30) < 3
    asked = Limits(None, 31, owed[None], (2,), (31,))
    floor = random_slates(asked, np.arange(30), 5, np.random.default_rng(3))
    rng = np.random.default_rng(4)
    assert all(owed[random_slate(floor, rng)].sum() >= 2 for _ in range(200))


def test_the_law_of_random_slates_sums_to_one_at_every_place():
    category = np.array([0, 0, 0, 1, 1, -1], dtype=np.int32)
    asked = Limits(category, 1, np.zeros((0, 6), dtype=np.bool_), (), ())
    floor = random_slates(asked, np.arange(6), 3, np.random.default_rng(5))
    total = sum(of_random(floor, np.full(3, item)) for item in range(6))
    assert total == pytest.approx(np.ones(3))


def test_without_a_floor_propensities_are_shares_of_the_draws():
    snapshot = make_snapshot("[exploration]\nfloor = 0")
    _, p = observe(snapshot, ask(4), 500, np.random.default_rng(6))
    np.testing.assert_array_equal(p * 512, np.round(p * 512))
    assert not snapshot.floors


def test_as_shipped_one_slot_in_a_hundred_is_random():
    """30 items, slates of 4, 10,000 of them: 400 slates have a random slot, give or take 100."""
    snapshot = make_snapshot("")
    results = compose(snapshot, [ask(4)] * 10_000, np.random.default_rng(6))
    assert min(result.propensities.min() for result in results) == pytest.approx(0.01 / 30)
    by_chance = sum("floor" in why for result in results for why in result.why)
    assert 300 < by_chance < 500


def test_requests_of_a_batch_that_leave_out_what_is_never_shown_have_their_own_mixture():
    """30 items; 10 are never in the pool's slates. Left out, each of the other 20 has a floor of
    0.15 / 20 and no random slot shows what was left out.
    """
    snapshot = make_snapshot("[exploration]\nfloor = 0.15\n[policies.greedy]")
    worst = np.argsort(snapshot.view.mean)[:10].astype(np.int64)
    asked = [ask(4), ask(4, exclude=worst)] * 3_000
    results = compose(snapshot, asked, np.random.default_rng(7))
    for least, own in ((0.15 / 30, results[::2]), (0.15 / 20, results[1::2])):
        assert min(result.propensities.min() for result in own) == pytest.approx(least)
        assert_calibrated(
            np.stack([result.items for result in own]),
            np.stack([result.propensities for result in own]),
        )
    assert not np.isin(np.stack([result.items for result in results[1::2]]), worst).any()


@pytest.mark.parametrize("name", FILES)
def test_a_table_is_what_slates_show(name: str):
    """Of one snapshot: the table's probabilities are the propensities of 500 slates."""
    snapshot = make_snapshot(FILES[name])
    items, p = observe(snapshot, ask(4), 500, np.random.default_rng(8))
    table = table_of(snapshot, 4)
    np.testing.assert_allclose(table.sum(axis=1), 1.0)
    np.testing.assert_allclose(p, table[np.arange(4), items])
