"""Outcome rows of all partitions, added up; users stay with theirs."""

from __future__ import annotations

from streams.contract.count_rows import DELAYS_KEY
from streams.contract.outcome_rows import (
    COLUMNS,
    SLATES_KIND,
    USERS_KIND,
    OutcomeKey,
    encode_outcome,
    encode_outcome_key,
)
from streams.serving.watch.outcomes_view import OutcomesView
from tests.streams.making import record

SLATES = OutcomeKey(SLATES_KIND, 7, ("base", "p", 0))
USERS = OutcomeKey(USERS_KIND, 0, ("base", "p", 3))


def row(key: OutcomeKey, first: float | None, partition: int):
    sums = [first or 0.0] + [0.0] * (len(COLUMNS[key.kind]) - 1)
    value = None if first is None else encode_outcome(sums)
    return record(value, encode_outcome_key(key), "log", partition)


def test_the_last_row_of_each_partition_counts_and_users_are_kept_apart() -> None:
    view = OutcomesView()
    view.apply([row(SLATES, 1.0, 0), row(SLATES, 5.0, 1), row(USERS, 2.0, 0), row(USERS, 3.0, 1)])
    view.apply([row(SLATES, 2.0, 0), record(b"", DELAYS_KEY, "log")])
    found = view.outcomes()
    assert {key: sums[0] for key, sums in found.sums.items()} == {SLATES: 7.0}
    assert {name: sums[0] for name, sums in found.users.items()} == {
        (0, USERS): 2.0,
        (1, USERS): 3.0,
    }
    view.apply([row(SLATES, None, 1), row(USERS, None, 0)])
    found = view.outcomes()
    assert (found.sums[SLATES][0], list(found.users)) == (2.0, [(1, USERS)])
