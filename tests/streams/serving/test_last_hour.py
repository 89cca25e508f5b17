"""A process that starts knows what one that ran all along knows, as far as the log has it."""

from __future__ import annotations

import numpy as np
import pytest

from bandits.learning.evidence import Evidence
from streams.contract.count_rows import CountRow, before, encode_count, encode_count_key
from streams.serving import last_hour
from streams.serving.counts_view import CountsView, Index
from streams.serving.last_hour import LastHour
from tests.streams.making import record
from tests.streams.serving.changelog import dense

START_S, WINDOW_S = 1_000_000.0, 600.0


def records(partition: int, flushes: int, every_s: float) -> list[tuple[float, bytes, bytes]]:
    """Of one row that grows by 4 looks and a click at each flush: time, key, value."""
    row, found = CountRow(), []
    for number in range(flushes):
        since = before(row, discounted=False)
        row.impressions += 4.0
        row.examined += 4.0
        row.clicks += 1.0
        at_s = START_S + number * every_s
        key = encode_count_key("s", f"i{partition}")
        found.append((at_s, key, encode_count(row, None, since, at_s)))
    return found


def test_looks_that_wait_and_what_is_recent_survive_a_restart() -> None:
    old = CountsView(Index(), evidence=Evidence(WINDOW_S, (20.0,)))
    new = CountsView(Index(), evidence=Evidence(WINDOW_S, (20.0,)))
    logs = [records(partition, 40, 3.0) for partition in range(2)]
    old.begin({})
    old.caught_up(START_S)
    for at in range(40):
        for partition, log in enumerate(logs):
            at_s, key, value = log[at]
            here = record(value, key, "changelog", partition, at, int(1000 * at_s))
            old.apply([here], at_s)
        dense(old, at_s)
    now_s = at_s + 1.0
    new.begin({0: 40, 1: 40})
    for partition, log in enumerate(logs):  # one after the other, as they are read
        new.apply(
            [record(v, k, "changelog", partition, at) for at, (_, k, v) in enumerate(log)], now_s
        )
    new.read_to_end([0, 1])
    new.caught_up(now_s)
    known, learned = dense(old, now_s), dense(new, now_s)
    assert learned.impressions.tolist() == known.impressions.tolist() == [[160.0, 160.0]]
    assert known.pending.sum() > 5
    assert learned.pending == pytest.approx(known.pending, rel=0.15)
    assert learned.recent[0].clicks == pytest.approx(known.recent[0].clicks, rel=0.35)
    assert learned.recent[0].clicks.sum() < 60  # faded: 80 came
    assert CountsView(Index(), evidence=Evidence(WINDOW_S, (20.0,))).live is False


def test_of_very_many_rows_the_youngest_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(last_hour, "MOST_ROWS", 100)
    told, kept = Evidence(WINDOW_S, ()), LastHour()
    zeros = np.zeros(60, dtype=np.int64)
    for part in range(5):
        touched_s = START_S + part * 60 + np.arange(60.0)
        kept.add(touched_s, zeros, zeros, np.ones((60, 5)), START_S + 300)
    assert kept._n <= 100
    assert kept._parts[0][0].min() > START_S + 150
    kept.into(told, (1, 1), START_S + 300)
    pending, _ = told._turn((1, 1), START_S + 300)
    assert 0 < pending[0, 0] < 60


def test_rows_older_than_the_log_keeps_them_for_certain_are_passed_over() -> None:
    kept, one = LastHour(), np.zeros(1, dtype=np.int64)
    kept.add(np.array([START_S]), one, one, np.ones((1, 5)), START_S + 3601)
    assert kept._n == 0
    kept.into(Evidence(WINDOW_S), (1, 1), START_S + 3601)
