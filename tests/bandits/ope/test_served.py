from dataclasses import replace

import numpy as np
import pytest

from bandits.ope.log import LogError, Shape
from bandits.ope.served import logged_catalogue, served
from bandits.slates.config import DEFAULT, Diversity, PolicyChoice
from tests.bandits.ope.making import rows

SHAPE = Shape(2, 3, 8)
RATES = np.linspace(0.05, 0.4, 8)


def learned(n_slates=3000):
    """Slates drawn uniformly; item 7 is the best."""
    rng = np.random.default_rng(0)
    item = rng.random((n_slates, 8)).argsort(axis=1)[:, :3]
    return rows(
        slate=np.repeat(np.arange(n_slates), 3),
        position=np.tile(np.arange(3), n_slates),
        item=item.ravel(),
        segment=np.repeat(rng.integers(0, 2, n_slates), 3),
        propensity=np.full(3 * n_slates, 1 / 8),
        click=rng.random(3 * n_slates) < RATES[item.ravel()],
        time_s=np.repeat(np.arange(n_slates), 3),
    )


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"combiner": "team_draft"},
        {"combiner": "rrf"},
        {"combiner": "pareto", "objectives": (("click", 0.5), ("freshness", 0.5))},
        {"policies": (PolicyChoice("greedy"),)},
        {"half_life_s": 500.0, "examination": (1.0, 0.5)},
        {"diversity": Diversity("mmr")},
        {"draws": 64},
    ],
)
def test_every_kind_of_policy_file_makes_a_table_without_repeats(change):
    target = served(
        "file",
        replace(DEFAULT, **change),
        learned(),
        SHAPE,
        np.random.default_rng(1),
        n_snapshots=2,
    )
    np.testing.assert_allclose(target.table.sum(axis=2), 1.0)
    assert (target.table.sum(axis=1) <= 1 + 1e-9).all()
    again = served(
        "file",
        replace(DEFAULT, **change),
        learned(),
        SHAPE,
        np.random.default_rng(1),
        n_snapshots=2,
    )
    np.testing.assert_array_equal(target.table, again.table)


def test_a_greedy_file_shows_the_best_items_best_first():
    config = replace(DEFAULT, policies=(PolicyChoice("greedy"),))
    table = served("file", config, learned(), SHAPE, np.random.default_rng(1), n_snapshots=1).table
    np.testing.assert_array_equal(table[:, 0].argmax(axis=1), [7, 7])
    assert set(table[0].argmax(axis=1)) == {5, 6, 7}


def test_a_file_that_leaves_places_empty_is_refused():
    """Two items are available: the third place stays empty."""
    catalogue = logged_catalogue(learned(), SHAPE)._replace(available=np.arange(8) < 2)
    with pytest.raises(LogError, match="slates of 3 items from policy 'file', found empty places"):
        served(
            "file", DEFAULT, learned(), SHAPE, np.random.default_rng(1), catalogue, n_snapshots=1
        )


def test_items_are_first_seen_when_first_logged():
    log = rows(item=[2, 0, 2], propensity=[0.5] * 3, time_s=[9.0, 5.0, 3.0])
    np.testing.assert_array_equal(
        logged_catalogue(log, Shape(1, 1, 4)).first_seen_s, [5.0, np.nan, 3.0, np.nan]
    )
