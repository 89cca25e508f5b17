"""Outcome rows: each slate, impression and click once, in whatever order they come, and across
flushes; rows whose time is over go.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from streams.contract.count_rows import RowError
from streams.contract.events import Impression, decode_offered_slate
from streams.contract.outcome_rows import (
    COLUMNS,
    OUTCOMES_PREFIX,
    SEGMENTS_KIND,
    SLATES_KIND,
    USERS_KIND,
    OutcomeKey,
    decode_outcome,
    decode_outcome_key,
    encode_outcome,
    encode_outcome_key,
    user_group,
)
from streams.counting.expiry import expire
from streams.counting.parse import offered
from streams.counting.partition import Partition
from streams.counting.served import note_slates
from streams.counting.slate_outcomes import MOST_SEGMENTS, MOST_VARIANTS, SEGMENT_HOURS
from tests.streams.making import (
    NOW_S,
    RULES,
    START_S,
    click,
    count_clicks,
    count_impressions,
    flush,
    impression,
    partition_on,
)

HOUR = int(START_S // 3600)
DAY = HOUR - HOUR % 24


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def made(partition: Partition, slate: str = "s", at_s: float = 0.0, **fields: Any) -> None:
    """A slate of three items, as a serving process writes it."""
    why = fields.pop("why", {"mean": 0.1, "best": 0.25, "variant_share": 0.5})
    items = [
        {"item_id": item, "position": at, "propensity": 0.5, "why": why}
        for at, item in enumerate(fields.pop("items", "abc"))
    ]
    event = {
        "slate_id": slate,
        "user_id": "user",
        "segment": "x",
        "variant": "v",
        "policy_version": "p",
        "ts": START_S + at_s,
        "items": items,
        **fields,
    }
    slates = offered([decode_offered_slate(json.dumps(event).encode())], RULES)
    note_slates(partition, slates, RULES, NOW_S)


def rows(partition: Partition, kind: bytes) -> dict[tuple[int, ...], dict[str, float]]:
    """What is on disk: (hour, *names) -> sums by column."""
    flush(partition)
    found = {}
    for key, value in partition.disk._db.items(from_key=OUTCOMES_PREFIX):
        if key[:1] != OUTCOMES_PREFIX:
            break
        name = decode_outcome_key(key)
        if name.kind == kind:
            sums = dict(zip(COLUMNS[kind], decode_outcome(kind, value), strict=True))
            found[name.hour, *name.names] = sums
    return found


def test_a_slate_counts_what_became_of_it(partition: Partition) -> None:
    """One slate of two that was seen: 3 impressions, 2 clicks, a conversion, value 1 + 1 + 5; the
    other one was offered. Squares: 9, 4, 1, 49; clicks times impressions 6.
    """
    made(partition)
    made(partition, "never seen")
    count_impressions(partition, [Impression("s", "user", START_S + 1)], RULES, NOW_S)
    events = [click(item="a"), click(item="b"), click(item="b", kind="conversion", value=5.0)]
    count_clicks(partition, events, RULES, NOW_S)
    (row,) = rows(partition, SLATES_KIND).items()
    names, sums = row
    assert names == (HOUR, "v", "p", 0)
    assert list(sums.values()) == [2, 1, 1, 3, 2, 1, 7, 9, 4, 1, 49, 6]
    users = rows(partition, USERS_KIND)
    assert users == {
        (DAY, "v", "p", user_group("user")): dict(
            zip(COLUMNS[USERS_KIND], [2, 4, 1, 2, 1, 3, 2, 1, 7], strict=True)
        )
    }


def test_exploration_is_what_the_posterior_mean_slate_had_got(partition: Partition) -> None:
    """Means 0.25, 0.1, 0.2 beside 0.25, 0.22, 0.2: the second place explores, and gives 0.12 up;
    seen at half the examination it is 0.06.
    """
    rules = RULES._replace(examination=(1.0, 0.5))
    event = {
        "slate_id": "s",
        "user_id": "user",
        "segment": "x",
        "policy_version": "p",
        "ts": START_S,
        "items": [
            {"item_id": str(at), "position": at, "propensity": 0.5, "why": why}
            for at, why in enumerate(
                [
                    {"mean": 0.25, "best": 0.25},
                    {"mean": 0.1, "best": 0.22},
                    {"mean": 0.2, "best": 0.2},
                    {"mean": 0.9, "pinned": 1.0},
                ]
            )
        ],
    }
    slates = offered([decode_offered_slate(json.dumps(event).encode())], rules)
    note_slates(partition, slates, rules, NOW_S)
    ((names, sums),) = rows(partition, SEGMENTS_KIND).items()
    assert names == (HOUR, "base", "x")
    assert (sums["offered"], sums["offered_weight"], sums["slots"]) == (1, 1, 3)
    assert (sums["explored"], sums["given_up"]) == (1, pytest.approx(0.06))


@pytest.mark.parametrize("flushing", [False, True])
@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_the_order_of_events_and_flushes_does_not_matter(
    partition: Partition, order: tuple[int, ...], flushing: bool
) -> None:
    steps = [
        lambda: made(partition),
        lambda: count_impressions(
            partition, [impression(item="a"), impression(item="b", position=1)], RULES, NOW_S
        ),
        lambda: count_clicks(partition, [click(item="a", at_s=1.0)], RULES, NOW_S),
        lambda: count_clicks(
            partition, [click(item="b", at_s=2.0, kind="conversion")], RULES, NOW_S
        ),
    ]
    for step in order:
        steps[step]()
        steps[step]()  # twice is harmless
        if flushing:
            flush(partition)
    (sums,) = rows(partition, SLATES_KIND).values()
    assert list(sums.values()) == [1, 1, 1, 2, 1, 1, 2, 4, 1, 1, 4, 2]


def test_a_row_outlives_memory_and_restarts(partition: Partition) -> None:
    made(partition)
    flush(partition)
    again = Partition(0, partition.disk, 1000)
    made(again, "t")
    count_impressions(again, [impression("s", "a")], RULES, NOW_S)
    (sums,) = rows(again, SLATES_KIND).values()
    assert (sums["offered"], sums["seen"]) == (2, 1)


def test_users_who_are_named_stand_apart_and_empty_slates_nowhere(partition: Partition) -> None:
    made(partition, why={"mean": 0.1, "best": 0.2, "variant_share": 0.0})
    made(partition, "empty", items="")
    assert list(rows(partition, SLATES_KIND)) == [(HOUR, "v", "p", 1)]
    assert not rows(partition, USERS_KIND)
    assert not rows(partition, SEGMENTS_KIND)


def test_what_comes_with_the_last_breath_of_a_slate_counts(partition: Partition) -> None:
    """A click and the end of its slate between two flushes."""
    made(partition)
    count_impressions(partition, [impression("s", "a")], RULES, NOW_S)
    flush(partition)
    count_clicks(partition, [click("s", "a")], RULES, NOW_S)
    expire(partition, START_S + 10_000.0, 100)
    (sums,) = rows(partition, SLATES_KIND).values()
    assert (sums["clicks"], partition.slate("s")) == (1, None)


def test_names_that_slates_invent_are_bounded(partition: Partition) -> None:
    for number in range(2 * MOST_SEGMENTS):
        made(partition, f"s{number}", segment=f"g{number}", variant=f"v{number}")
    assert len(rows(partition, SLATES_KIND)) == MOST_VARIANTS + 1
    assert sum(row["offered"] for row in rows(partition, SLATES_KIND).values()) == 200
    segments = {names[2] for names in rows(partition, SEGMENTS_KIND)}
    assert len(segments) <= MOST_SEGMENTS
    assert "other" in segments


def test_rows_go_when_their_time_is_over(partition: Partition) -> None:
    made(partition)
    assert rows(partition, SEGMENTS_KIND)
    made(partition, "t", at_s=3600.0 * (SEGMENT_HOURS + 1))
    rows(partition, SEGMENTS_KIND)
    assert {names[0] for names in rows(partition, SEGMENTS_KIND)} == {HOUR + SEGMENT_HOURS + 1}
    assert len(rows(partition, SLATES_KIND)) == 2
    made(partition, "u", at_s=86_400.0 * 31)
    rows(partition, SLATES_KIND)
    hours = {names[0] for names in rows(partition, SLATES_KIND)}
    assert hours == {HOUR + SEGMENT_HOURS + 1, HOUR + 31 * 24}


def test_what_was_written_is_read_back_and_other_versions_are_refused() -> None:
    key = OutcomeKey(USERS_KIND, HOUR, ("v", "p", 7))
    assert decode_outcome_key(encode_outcome_key(key)) == key
    sums = tuple(float(number) for number in range(len(COLUMNS[USERS_KIND])))
    assert decode_outcome(USERS_KIND, encode_outcome(sums)) == sums
    for broken in (b"", b"V", b"VX\0\0\0\1\x90", encode_outcome_key(key)[:-2]):
        with pytest.raises(RowError):
            decode_outcome_key(broken)
    with pytest.raises(RowError, match="version 2"):
        decode_outcome(USERS_KIND, b"\x02" + encode_outcome(sums)[1:])
