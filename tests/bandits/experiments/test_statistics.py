"""The statistics of comparisons by hand, and against SciPy where it is there."""

import doctest
import importlib

import numpy as np
import pytest

from bandits.experiments.balance import Groups, expected, offered_check, seen_check
from bandits.experiments.lift import interval, lift
from bandits.experiments.ratio import NOTHING, of_groups, of_slates
from bandits.experiments.sequential import FIRST, factor
from bandits.experiments.tails import f_tail, t_quantile
from bandits.experiments.tracking import losses

RNG = np.random.default_rng


@pytest.mark.parametrize("name", ["tails", "ratio", "sequential", "power"])
def test_examples_in_the_docstrings_run(name):
    assert doctest.testmod(importlib.import_module(f"bandits.experiments.{name}")).failed == 0


def test_tails_are_those_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    for d1, d2, x in ((1, 5, 3.0), (3, 31, 6.2), (7, 1e6, 2.5), (1, 4, 80.0)):
        assert f_tail(x, d1, d2) == pytest.approx(stats.f.sf(x, d1, d2), rel=1e-5)
    for dof in (1, 2, 3, 7, 31, 1e6):
        assert t_quantile(0.95, dof) == pytest.approx(stats.t.ppf(0.975, dof), rel=3e-3)


def test_a_mean_by_slates_is_that_of_its_slates():
    """Clicks 0, 1, 2 of impressions 2, 3, 5: m = 0.3; residuals -0.6, 0.1, 0.5; their squares sum
    to 0.62; var = 3/2 x 0.62 / 100 = 0.0093. As groups of one slate each it is the same.
    """
    x, n = np.array([0.0, 1.0, 2.0]), np.array([2.0, 3.0, 5.0])
    by_slates = of_slates(3, x.sum(), n.sum(), (x**2).sum(), (n**2).sum(), (x * n).sum())
    assert by_slates == pytest.approx((0.3, 0.0093, 2.0, 10.0))
    assert of_groups(x, n) == pytest.approx(by_slates)
    assert of_groups(x[:1], n[:1]) == NOTHING
    assert interval(NOTHING, 10.0) is None


def test_a_lift_is_a_ratio_and_nothing_without_clicks():
    a, b = (of_slates(10_000, x, 10_000, x, 10_000, x) for x in (3300.0, 3000.0))
    found = lift(a, b, 20_000)
    assert found.lift == pytest.approx(0.1)
    # se of log: sqrt(0.67 / 3300 + 0.7 / 3000) = 0.02088
    assert found.low == pytest.approx(1.1 * np.exp(-1.96 * 0.02088) - 1, abs=1e-4)
    assert found.p == pytest.approx(5e-6, rel=0.2)
    wide = lift(a, b, 20_000, sequential=True)
    assert (wide.p, wide.low < found.low < wide.lift < found.high < wide.high) == (None, True)
    assert lift(a, of_slates(100, 0, 100, 0, 100, 0), 200) is None


def test_a_sequential_interval_is_narrowest_around_its_slates_and_there_is_none_at_first():
    widths = [factor(n) / n**0.5 for n in (1_000, 20_000, 1_000_000)]
    assert widths == sorted(widths, reverse=True)
    assert factor(20_000) < min(factor(2_000), factor(2_000_000))
    assert factor(FIRST - 1) == float("inf")


def groups(offered, seen=None) -> Groups:
    """The same slates in 32 groups of users, a little uneven."""
    shares = RNG(1).dirichlet(np.full(32, 1000.0))[:, None]
    return Groups(shares * offered, shares * (offered if seen is None else seen))


def test_what_is_offered_is_judged_by_the_probabilities_that_were_logged():
    """900 and 100 at shares 0.9 and 0.1, then 500 and 500 at halves: right by the log, wrong by the
    shares of now. 560 to 440 at halves: X2 = 60^2 / 500 + 60^2 / 500 = 14.4.
    """
    offered = np.array([[1400.0, 600.0]])
    weight = np.array([[900 / 0.9 + 500 / 0.5, 100 / 0.1 + 500 / 0.5]])
    owed = expected(offered, weight, np.array([0.5, 0.5]))
    assert owed == pytest.approx(offered)
    assert not offered_check(offered, owed, groups(offered[0])).alarm
    wrong = offered_check(offered, np.array([[1000.0, 1000.0]]), groups(offered[0]))
    assert wrong.alarm
    small = np.array([[560.0, 440.0]])
    found = offered_check(small, np.array([[500.0, 500.0]]), groups(small[0]))
    assert (found.statistic, found.dof, found.worst) == (pytest.approx(14.4), 1, 0)


def test_small_cells_are_left_out_and_the_worst_segment_is_named():
    offered = np.array([[3.0, 1.0], [5000.0, 5000.0], [700.0, 300.0]])
    owed = expected(offered, offered / 0.5, np.array([0.5, 0.5]))
    found = offered_check(offered, owed, groups(offered.sum(axis=0)))
    assert (found.dof, found.worst, found.alarm) == (2, 2, True)
    assert offered_check(offered[:1], owed[:1], groups(offered[0])).p == 1.0


def test_users_who_come_often_make_chance_larger():
    """Groups that differ between variants by 20% hide an imbalance of 4%."""
    rng = RNG(3)
    steady = np.full((32, 2), 1000.0) * [1.02, 0.98]
    wild = steady * rng.normal(1.0, 0.2, (32, 2))
    for each, alarm in ((steady, True), (wild, False)):
        total = each.sum(axis=0)[None]
        owed = np.full((1, 2), total.sum() / 2)
        assert offered_check(total, owed, Groups(each, each)).alarm is alarm


def test_a_variant_that_is_seen_less_is_found_whatever_users_do():
    offered = np.array([[50_000.0, 50_000.0]])
    seen = offered * [0.9, 0.88]
    assert seen_check(offered, seen, groups(offered[0], seen[0])).alarm
    same = offered * 0.9
    assert seen_check(offered, same, groups(offered[0], same[0])).p == 1.0


def days(rng, lost=0.0, cycle=0.0, n=2000, hours=48):
    """Slates of three clients by hour; the second loses impressions from hour 24 on. Seen in 90%,
    less at night by `cycle`.
    """
    rate = 0.9 - cycle * (1 + np.sin(np.arange(hours) * 2 * np.pi / 24))[:, None]
    rate = np.repeat(rate, 3, axis=1)
    rate[24:, 1] *= 1 - lost
    offered = np.full((hours, 3), float(n))
    return offered, rng.binomial(n, rate).astype(float)


def test_a_client_that_loses_2_percent_is_found_within_100_000_slates_and_the_healthy_is_not():
    """2,000 slates an hour of each client: 48,000 after the loss began. Healthy: 60 runs of three
    clients, half of them with nights in which 10% fewer are seen.
    """
    rng = RNG(4)
    for _ in range(20):
        found = losses(*days(rng, lost=0.02))
        assert [each.segment for each in found] == [1]
        assert abs(found[0].hour - 24) <= 6
        assert found[0].before - found[0].after == pytest.approx(0.018, abs=0.01)
    quiet = [losses(*days(rng, cycle=cycle)) for cycle in [0.0, 0.05] * 30]
    assert not any(quiet)


def test_a_few_hours_say_nothing_of_tracking():
    assert losses(*days(RNG(5), hours=5)) == []
    assert losses(np.zeros((48, 2)), np.zeros((48, 2))) == []
