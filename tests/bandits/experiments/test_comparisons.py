"""Simulated comparisons: intervals and alarms are wrong no more often than they say, and find what
the page says they find. Tolerances are three standard deviations of the simulation.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from bandits.experiments.balance import ALARM, Groups, expected, offered_check, seen_check
from bandits.experiments.lift import lift
from bandits.experiments.power import slates_needed
from bandits.experiments.ratio import of_groups
from tests.bandits.experiments.worlds import Sums, simulate

RUNS = 1000
PAGE = Path(__file__).parents[3] / "docs" / "experiments.md"


def lifts(sums: Sums, run: int, look: int, sequential: bool):
    of, against = (
        of_groups(sums.clicks[run, look, variant], sums.seen[run, look, variant])
        for variant in (1, 0)
    )
    return lift(of, against, float(sums.seen[run, look].sum()), sequential)


@pytest.fixture(scope="module")
def same() -> Sums:
    """A/A: 1,000 comparisons of 1,200 users, looked at 12 times."""
    return simulate(np.random.default_rng(5), RUNS, 1200, looks=12)


def most(rate: float) -> float:
    return rate + 3 * (rate * (1 - rate) / RUNS) ** 0.5


def test_an_interval_of_one_look_is_wrong_as_often_as_it_says(same: Sums) -> None:
    found = [lifts(same, run, -1, sequential=False) for run in range(RUNS)]
    wrong = np.mean([each is None or each.low > 0 or each.high < 0 for each in found])
    print(f"one look: wrong in {wrong:.1%}")
    assert 0.05 - 3 * (0.05 * 0.95 / RUNS) ** 0.5 <= wrong <= most(0.05)


def test_an_interval_for_every_look_is_wrong_at_any_of_them_no_more_often(same: Sums) -> None:
    """Looking twelve times at intervals of one look is wrong far more often; 150 of the runs show
    that.
    """
    wrong = {False: 0, True: 0}
    for sequential, runs in ((False, 150), (True, RUNS)):
        for run in range(runs):
            looked = (lifts(same, run, look, sequential) for look in range(12))
            wrong[sequential] += any(
                each is not None and (each.low > 0 or each.high < 0) for each in looked
            )
    print(f"12 looks: wrong in {wrong[False] / 150:.1%}, sequential {wrong[True] / RUNS:.1%}")
    assert wrong[True] / RUNS <= most(0.05)
    assert wrong[False] / 150 > 2 * 0.05


def checks(sums: Sums, run: int):
    """Both checks of one segment, users dealt by halves."""
    groups = Groups(sums.offered[run, -1].T, sums.seen[run, -1].T)
    offered, seen = (each.sum(axis=0)[None] for each in groups)  # (1, 2)
    owed = expected(offered, offered / 0.5, np.array([0.5, 0.5]))
    return offered_check(offered, owed, groups), seen_check(offered, seen, groups)


def test_balance_raises_no_alarm_on_healthy_runs(same: Sums) -> None:
    """1,000 runs, two checks: two false alarms are expected at p = 0.001."""
    found = [checks(same, run) for run in range(RUNS)]
    alarms = sum(each.alarm for pair in found for each in pair)
    small = [np.mean([pair[at].p < 0.05 for pair in found]) for at in (0, 1)]
    print(f"alarms {alarms} of {2 * RUNS}; p below 0.05 in {small}")
    assert alarms <= 2 * RUNS * ALARM + 3 * (2 * RUNS * ALARM) ** 0.5
    assert max(small) <= most(0.05)


def test_two_percent_of_lost_impressions_within_100_000_slates_are_found() -> None:
    """Of one variant's client: 40 runs of 25,000 users, four slates each."""
    sums = simulate(np.random.default_rng(6), 40, 25_000, lost=0.02)
    assert 90_000 < sums.offered[:, -1].sum(axis=(1, 2)).mean() < 110_000
    found = [checks(sums, run)[1].alarm for run in range(40)]
    print(f"found in {np.mean(found):.0%}")
    assert np.mean(found) >= 0.95
    healthy = simulate(np.random.default_rng(7), 40, 25_000)
    assert not any(each.alarm for run in range(40) for each in checks(healthy, run))


def test_a_variant_5_percent_better_is_found_with_the_power_that_the_page_says() -> None:
    """Clicks per slate 0.25 with users' rates Beta(1, 3) and geometric visits of mean 4: cv^2 = 3,
    and the design effect is 1 + 0.2 (E n^2 / E n - 1) = 2.2 with E n^2 / E n = 2 x 4 - 1 and an
    intraclass correlation of 1 / 5; slates are seen in 90%, so a little less.
    """
    needed = slates_needed(0.05, 3.0, design_effect=2.2)
    assert f"{round(needed, -3):,.0f}" in PAGE.read_text()
    users = int(needed / (4 * 0.9))
    sums = simulate(np.random.default_rng(8), 100, users, lift=0.05)
    found = [lifts(sums, run, -1, sequential=False) for run in range(100)]
    power = np.mean([each is not None and each.low > 0 for each in found])
    print(f"needed {needed:.0f}, power {power:.0%}")
    assert 0.8 - 3 * 0.04 <= power <= 0.8 + 3 * 0.04
