"""The page of outcomes: from rows as counting writes them to lifts, checks and words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bandits.slates.config_file import parse_policy_file
from streams.contract.outcome_rows import (
    COLUMNS,
    SEGMENTS_KIND,
    SLATES_KIND,
    USERS_KIND,
    OutcomeKey,
    encode_outcome,
    encode_outcome_key,
)
from streams.contract.outcomes_page import OutcomesPage
from streams.metrics import ServingMetrics
from streams.serving.watch.outcome_report import Options, report
from streams.serving.watch.outcome_watch import EVERY_S, OutcomeWatch
from streams.serving.watch.outcomes_view import OutcomesView

FILE = parse_policy_file(
    '[variants.control]\nkind = "holdback"\nshare = 0.5\n[variants.gone]\nshare = 0'
)
NOW_S = 1_000_000 * 3600.0 - 100.0
HOUR = 999_999
CONTROL_RATE, LIFT = 0.25, 0.2


class Log:
    """Slates of 12 hours, 400 of each variant and segment an hour, in 64 groups of users."""

    def __init__(self, **lost: float) -> None:
        rng = np.random.default_rng(3)
        self.view = OutcomesView()
        rows: dict[tuple[int, OutcomeKey], np.ndarray] = {}
        for hour in range(HOUR - 11, HOUR + 1):
            for variant, rate in (("base", CONTROL_RATE * (1 + LIFT)), ("control", CONTROL_RATE)):
                for segment in ("x", "y"):
                    seen_rate = 0.9 * (1 - lost.get(variant, 0.0))
                    offered = np.full(64, 400 / 64)
                    seen = rng.binomial(400, seen_rate) / 64 * rng.normal(1, 0.02, 64)
                    clicks = np.clip(rng.normal(rate, 0.05, 64), 0, 1) * seen
                    own = offered, seen, clicks
                    self._add(rows, hour, variant, segment, own)
        for (partition, key), sums in rows.items():
            self.view.put(partition, encode_outcome_key(key), encode_outcome(sums.tolist()))

    def _add(self, rows: Any, hour: int, variant: str, segment: str, own: Any) -> None:
        def add(
            partition: int, kind: bytes, at: int, names: tuple[Any, ...], **sums: float
        ) -> None:
            key = OutcomeKey(kind, at, names)
            row = rows.setdefault((partition, key), np.zeros(len(COLUMNS[kind])))
            row += [sums.get(column, 0.0) for column in COLUMNS[kind]]

        day = hour - hour % 24
        for group, (offered, seen, clicks) in enumerate(zip(*own, strict=True)):
            fields = {
                "offered": offered,
                "offered_weight": 2 * offered,
                "seen": seen,
                "seen_weight": 2 * seen,
                "clicked": clicks,
                "impressions": 3 * seen,
                "clicks": clicks,
            }
            squares = {
                "impressions_sq": 9 * seen,
                "clicks_sq": clicks,
                "clicks_impressions": 3 * clicks,
            }
            costs = {"slots": 3 * offered, "explored": 0.75 * offered, "given_up": 0.1 * offered}
            partition = group // 32
            add(partition, USERS_KIND, day, (variant, "p1", group % 32), **fields)
            add(partition, SLATES_KIND, hour, (variant, "p1", 0), **fields, **squares)
            add(partition, SEGMENTS_KIND, hour, (variant, segment), **fields, **costs)

    def page(self, **options: Any) -> OutcomesPage:
        return report(self.view.outcomes(), FILE, Options(**options), NOW_S)


@pytest.fixture(scope="module")
def healthy() -> Log:
    return Log()


@pytest.mark.parametrize("unit", ["users", "slates"])
@pytest.mark.parametrize("sequential", [False, True])
def test_the_lift_over_the_holdback_is_found(healthy: Log, unit: str, sequential: bool) -> None:
    page = healthy.page(unit=unit, sequential=sequential)
    assert (page.control, page.unit, page.sequential) == ("control", unit, sequential)
    base, control, gone = page.variants
    assert [base.variant, control.variant, gone.variant] == ["base", "control", "gone"]
    assert (base.share, base.holdback, control.holdback) == (0.5, False, True)
    assert (base.offered, base.policy_versions) == (9600, ["p1"])
    found = base.lift["clicks_per_slate"]
    assert found.low < LIFT < found.high
    assert found.low > 0.05
    assert (found.p is None) is sequential
    rate = control.rates["clicks_per_slate"]
    assert rate.low < CONTROL_RATE < rate.high
    assert control.rates["click_rate"].estimate == pytest.approx(rate.estimate / 3)
    assert control.lift == {}
    assert (gone.rates, gone.lift) == ({}, {})
    assert page.findings == []


def test_balance_and_exploration_by_segment(healthy: Log) -> None:
    page = healthy.page()
    assert {check.check for check in page.balance} == {"offered", "shares", "seen"}
    assert not any(check.alarm for check in page.balance)
    cell = next(each for each in page.cells if (each.segment, each.variant) == ("x", "base"))
    assert (cell.offered, cell.offered_expected) == (4800, pytest.approx(4800))
    assert page.never_seen_share == pytest.approx(0.1, abs=0.01)
    row = page.exploration[0]
    assert (row.hour, row.segment, row.slates) == ((HOUR - 11) * 3600.0, "x", 800)
    assert (row.explored_share, row.given_up) == (pytest.approx(0.25), pytest.approx(80.0))
    assert page.variants[0].explored_share == pytest.approx(0.25)
    assert page.variants[0].given_up == pytest.approx(960.0)


def test_hours_are_those_asked_for_and_the_newest_first(healthy: Log) -> None:
    page = healthy.page(hours=2)
    assert {row.hour for row in page.hours} == {HOUR * 3600.0, (HOUR - 1) * 3600.0}
    assert page.hours[0].hour == HOUR * 3600.0
    assert page.hours[0].offered == 800


def test_lost_impressions_of_one_variant_raise_an_alarm_in_words() -> None:
    log, metrics = Log(base=0.05), ServingMetrics()
    watch = OutcomeWatch(log.view, FILE, metrics)
    assert watch.due(NOW_S)
    watch.refresh(NOW_S)
    assert [each.code for each in watch.findings] == ["balance-seen"]
    assert metrics.registry.get_sample_value("slatestream_outcome_alarms") == 1.0
    assert not watch.due(NOW_S + EVERY_S - 1)


def test_slates_that_nobody_sees_are_told() -> None:
    log = Log(base=1.0, control=1.0)
    assert [each.code for each in log.page().findings] == ["never-seen"]


def test_without_rows_there_is_nothing_to_say() -> None:
    page = report(OutcomesView().outcomes(), FILE, Options(), NOW_S)
    assert [each.offered for each in page.variants] == [0, 0, 0]
    assert (page.balance, page.tracking, page.never_seen_share, page.findings) == ([], [], None, [])
