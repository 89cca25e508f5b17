"""The search against fronts that are known: a formula, and a shop where clicks and sales pull
apart.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from bandits.ope.ess import TooLittleData
from bandits.ope.estimate import Estimate
from bandits.ope.log import Log, Shape, split
from bandits.ope.served import served
from bandits.slates.config import DEFAULT, PolicyChoice
from bandits.tuning.nsga2 import nsga2
from bandits.tuning.parameters import SearchError
from bandits.tuning.search import (
    Parts,
    Search,
    check_search,
    make_bench,
    make_point,
    pareto_search,
    traffic,
)
from tests.bandits.ope.making import rows

SHAPE = Shape(1, 2, 8)
CLICK = np.linspace(0.4, 0.1, 8)
SALE = CLICK * np.linspace(0.02, 0.9, 8)  # per impression: what is clicked most is bought least
LOOKED = np.array([1.0, 0.6])


def shop(n_slates: int, seed: int = 0) -> Log:
    """Slates of two, drawn uniformly; sales come from clicks."""
    rng = np.random.default_rng(seed)
    item = rng.random((n_slates, 8)).argsort(axis=1)[:, :2]
    click = rng.random((n_slates, 2)) < LOOKED * CLICK[item]
    sale = click & (rng.random((n_slates, 2)) < (SALE / CLICK)[item])
    return rows(
        slate=np.repeat(np.arange(n_slates), 2),
        position=np.tile([0, 1], n_slates),
        item=item.ravel(),
        propensity=np.full(2 * n_slates, 1 / 8),
        click=click.ravel(),
        conversion=sale.ravel(),
        value=click.ravel() + 5.0 * sale.ravel(),
        time_s=np.repeat(np.arange(n_slates), 2),
    )


def cut(log: Log) -> Parts:
    fit, rest = split(log, 0.4)
    return Parts(fit, *split(rest, 0.5), SHAPE)


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return bool((a >= b).all() and (a > b).any())


def test_nsga2_finds_the_front_of_schaffers_problem():
    """Maximise -x^2 and -(x - 2)^2 over [-10, 10]: the front is x from 0 to 2, and sqrt(f1) +
    sqrt(f2) = 2 along it.
    """

    def goals(x: np.ndarray) -> tuple[np.ndarray, float]:
        return np.array([-(x[0] ** 2), -((x[0] - 2) ** 2)]), 0.0

    found = nsga2(goals, 2, np.array([[-10.0, 10.0]]), 20, 40, 0)[:, 0]
    assert found.size == 20
    assert found.min() >= -0.05
    assert found.max() <= 2.05
    assert np.diff(np.sort(found)).max() < 0.4  # spread over all of it
    np.testing.assert_array_equal(
        found, nsga2(goals, 2, np.array([[-10.0, 10.0]]), 20, 40, 0)[:, 0]
    )


def test_nsga2_leaves_out_what_is_infeasible():
    def goals(x: np.ndarray) -> tuple[np.ndarray, float]:
        return np.array([x[0], -x[0]]), max(0.0, x[0] - 1)

    assert nsga2(goals, 2, np.array([[0.0, 10.0]]), 8, 5, 0).max() <= 1.0
    assert nsga2(lambda x: (np.zeros(2), 1.0), 2, np.array([[0.0, 10.0]]), 8, 2, 0).shape == (0, 1)


def test_the_front_of_a_shop_is_as_good_as_a_grid_of_its_weights_and_true():
    """Weights on a fine grid, all tried: none is better in both goals than every point found. Each
    judged interval (99.9%) holds what the policy really earns, worked out from the shop's own
    rates.
    """
    search = Search(
        goals=("click", "conversion"), parameters=("click", "conversion"), size=12, generations=5
    )
    base = replace(DEFAULT, policies=(PolicyChoice("thompson"),))
    search = search._replace(question=search.question._replace(confidence=0.999))
    bench = make_bench(cut(shop(20_000)), base, search)
    calls = []
    points = pareto_search(bench, lambda: calls.append(1))
    assert len(calls) == 60
    found = np.array([[point.searched[goal] for goal in search.goals] for point in points])
    assert len(points) >= 5
    assert not any(dominates(a, b) for a, b in itertools.permutations(found, 2))
    assert (np.diff(found[:, 0]) <= 0).all()
    grid = [make_point(bench, {"click": 1 - c, "conversion": c}) for c in np.linspace(0, 1, 6)]
    tolerance = np.array([0.01, 0.003])
    for point in grid:
        values = np.array([point.searched[goal] for goal in search.goals])
        assert any((ours >= values - tolerance).all() for ours in found), point.settings
    assert points[0].searched["click"] > 1.3 * points[-1].searched["click"]
    assert points[-1].searched["conversion"] > 2 * points[0].searched["conversion"]
    for point in points:
        table = served(
            "x",
            point.config,
            bench.parts.fit,
            SHAPE,
            np.random.default_rng(search.seed),
            n_snapshots=4,
        ).table[0]
        for goal, rate in (("click", CLICK), ("conversion", SALE)):
            judged = point.judged[goal]
            assert isinstance(judged, Estimate)
            assert judged.low <= 0.5 * (LOOKED[:, None] * table * rate).sum() <= judged.high, (
                point.settings,
                goal,
            )


def test_the_same_seed_finds_the_same_front_and_variety_needs_no_estimate():
    search = Search(parameters=("exploration",), size=4, generations=2)
    fronts = [pareto_search(make_bench(cut(shop(3000)), DEFAULT, search)) for _ in range(2)]
    assert [point.settings for point in fronts[0]] == [point.settings for point in fronts[1]]
    for point in fronts[0]:
        assert isinstance(point.judged["variety"], float)
        assert 0 < point.judged["variety"] <= 1


def test_a_log_too_small_for_any_candidate_says_how_many_rows_it_takes():
    bench = make_bench(cut(shop(60)), DEFAULT, Search(size=4, generations=1))
    with pytest.raises(TooLittleData, match="would be needed"):
        pareto_search(bench)


def test_traffic_is_the_share_of_impressions():
    log = rows(
        slate=[0, 0, 1, 2],
        item=[0, 1, 0, 0],
        position=[0, 1, 0, 0],
        segment=[0, 0, 0, 1],
        propensity=[0.5] * 4,
    )
    np.testing.assert_allclose(traffic(log, Shape(2, 2, 2)), [[0.5, 0.25], [0.25, 0.0]])


@pytest.mark.parametrize(
    ("search", "message"),
    [
        (
            Search(goals=("click", "fame")),
            "goals out of click, conversion, value, variety, found fame",
        ),
        (Search(goals=("click", "click")), "at least two goals"),
        (Search(parameters=()), "parameters out of .*, found none"),
        (Search(parameters=("volume",)), "parameters out of .*, found volume"),
        (Search(estimator="rips"), "an estimator out of ips, snips, dr, sndr, found rips"),
        (Search(size=1), "at least 4 candidates"),
    ],
)
def test_searches_that_cannot_be_run_are_refused(search, message):
    with pytest.raises(SearchError, match=message):
        check_search(search)


def test_without_pymoo_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pymoo.optimize", None)
    with pytest.raises(SearchError, match=r"pip install 'slatestream\[tune\]'"):
        nsga2(lambda x: (x, 0.0), 1, np.array([[0.0, 1.0]]), 4, 1, 0)
