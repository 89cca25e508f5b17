"""Limits: each rule as a claim, and memory that stays level whatever is invented."""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.segments import OTHER_SEGMENT
from streams.counting.ingest import count_chunk
from streams.counting.items_follower import ItemsFollower
from streams.counting.limits import Admission, DescribedItems, Hashes, Limits
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from streams.counting.rules import Rules
from tests.streams.making import (
    NOW_S,
    RULES,
    chunk_of,
    click,
    count_clicks,
    count_impressions,
    flush,
    impression,
    note_slate,
    record,
    totals,
)

HALF_LIFE = Rules(100.0, 1000.0, half_life_s=3600.0)
RULES_OF_ALL_KINDS = pytest.mark.parametrize("rules", [RULES, HALF_LIFE], ids=["plain", "decayed"])


def described(*names: str) -> DescribedItems:
    """The `items` topic, read to its end."""
    found = DescribedItems()
    ItemsFollower({}, "items", found).take([record(b"{}", name.encode()) for name in names])
    found.complete = True
    return found


def opened(disk: Disk, limits: Limits, items: DescribedItems | None = None) -> Partition:
    """A partition as the store opens it."""
    return Partition(0, disk, 10, None, Admission(limits, items or described("i"), disk))


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    return Disk(tmp_path / "partition-0")


def outcomes(partition: Partition) -> dict[str, int]:
    flush_counts: dict[str, int] = {}
    for (outcome, _segment), events in partition.outcome_counts.items():
        flush_counts[outcome] = flush_counts.get(outcome, 0) + events
    return flush_counts


@RULES_OF_ALL_KINDS
def test_segments_beyond_the_limit_count_under_other(disk: Disk, rules: Rules) -> None:
    partition = opened(disk, Limits(segments=2))
    shown = [impression(f"slate-{name}", segment=name) for name in ("a", "b", "c", "d", "a2")]
    count_impressions(partition, shown, rules, NOW_S)
    count_clicks(partition, [click("slate-c"), click("slate-a")], rules, NOW_S)
    partition.add_shown()
    assert outcomes(partition) == {"impression": 5, "click": 2, "other_segment": 3}
    assert totals(partition) == {
        ("a", "i"): (1, 1, 0, 1.0),
        ("b", "i"): (1, 0, 0, 0.0),
        (OTHER_SEGMENT, "i"): (3, 1, 0, 1.0),
    }


def test_default_and_other_take_no_room(disk: Disk) -> None:
    partition = opened(disk, Limits(segments=1))
    for number, name in enumerate(["default", "other", "a", "b"]):
        count_impressions(partition, [impression(f"s{number}", segment=name)], RULES, NOW_S)
    assert {segment for segment, _ in totals(partition)} == {"default", "other", "a"}


def test_admitted_segments_are_those_of_the_rows_after_a_restore(disk: Disk) -> None:
    before = opened(disk, Limits(segments=2))
    events = [
        impression(f"s{item}-{name}", item, segment=name)
        for name in ("ä", "b")
        for item in ("i", "j", "k")
    ]
    count_impressions(before, events, RULES, NOW_S)
    flush(before)
    count_impressions(before, [impression("lost", segment="c")], RULES, NOW_S)  # never flushed
    after = opened(disk, Limits(segments=3))
    assert [after.admission.segment(name) for name in ("ä", "b", "d", "c")] == [
        "ä",
        "b",
        "d",
        OTHER_SEGMENT,
    ]


def test_a_slate_in_a_segment_that_does_not_fit_counts_under_other(disk: Disk) -> None:
    partition = opened(disk, Limits(segments=1))
    note_slate(partition, "early", "late-segment", ["i"])  # offered while there was room
    count_impressions(partition, [impression("s", segment="a")], RULES, NOW_S)
    note_slate(partition, "late", "another", ["i"])
    for slate in ("early", "late"):
        count_impressions(partition, [impression(slate)], RULES, NOW_S)
        count_clicks(partition, [click(slate)], RULES, NOW_S)
    assert totals(partition)[OTHER_SEGMENT, "i"] == (2, 2, 0, 2.0)


@RULES_OF_ALL_KINDS
def test_items_beyond_the_limit_are_a_metric_and_no_row(disk: Disk, rules: Rules) -> None:
    partition = opened(disk, Limits(unknown_items=1), described("i", "j"))
    items = ("u1", "i", "u2", "j", "u3")
    count_impressions(
        partition, [impression("s", item, segment="x") for item in items], rules, NOW_S
    )
    count_clicks(partition, [click("s", item) for item in items], rules, NOW_S)
    count_clicks(partition, [click("s", "u2", kind="conversion")], rules, NOW_S)
    partition.add_shown()
    assert outcomes(partition) == {"impression": 3, "click": 3, "unknown_item": 5}
    assert totals(partition) == {("x", name): (1, 1, 0, 1.0) for name in ("i", "j", "u1")}


def test_an_item_that_was_admitted_counts_in_every_segment_and_after_a_restore(disk: Disk) -> None:
    limits = Limits(unknown_items=1)
    before = opened(disk, limits)
    count_impressions(before, [impression("s", "u1", segment="x")], RULES, NOW_S)
    flush(before)
    after = opened(disk, limits)
    for item, segment in (("u2", "x"), ("u1", "y"), ("u1", "x")):
        count_impressions(
            after, [impression(f"{item}{segment}", item, segment=segment)], RULES, NOW_S
        )
    assert totals(after) == {("x", "u1"): (2, 0, 0, 0.0), ("y", "u1"): (1, 0, 0, 0.0)}


def test_an_item_that_is_described_later_makes_room(disk: Disk) -> None:
    items = described("i")
    partition = opened(disk, Limits(unknown_items=1), items)
    assert [partition.admission.item(name) for name in ("u1", "u2")] == [True, False]
    ItemsFollower({}, "items", items).take([record(b"{}", b"u1")])
    assert [partition.admission.item(name) for name in ("u1", "u2", "u3")] == [True, True, False]


def test_nobody_is_refused_before_the_items_are_read(disk: Disk) -> None:
    partition = opened(disk, Limits(unknown_items=0), DescribedItems())
    assert partition.admission.item("u")


def test_a_withdrawal_describes_nothing() -> None:
    items = DescribedItems()
    ItemsFollower({}, "items", items).take([record(None, b"gone"), record(b"{}", b"there")])
    assert ("gone" in items.ids, "there" in items.ids) == (False, True)


@given(
    st.lists(st.lists(st.text(max_size=3), max_size=20), max_size=6),
    st.lists(st.text(max_size=3), max_size=20),
)
def test_hashes_are_a_set(batches: list[list[str]], removed: list[str]) -> None:
    found, model, others = Hashes(), set[str](), Hashes()
    for batch in batches:
        found.add(batch)
        model.update(batch)
        assert len(found) == len(model)
        found.remove(Hashes())  # merges
    others.add(removed)
    others.remove(Hashes())
    found.remove(others)
    model -= set(removed)
    assert len(found) == len(model)
    assert all((name in found) == (name in model) for name in itertools.chain(removed, *batches))


def invented(numbers: Iterator[int], n: int, rng: random.Random) -> list[bytes]:
    """Impressions that each name a segment, an item, a slate and a user of their own."""
    return [
        b'{"slate_id":"s%d","user_id":"u%d","item_id":"%s-%d","position":0,"segment":"%s-%d",'
        b'"ts":1000500000}'
        % (at, at, rng.randbytes(20).hex().encode(), at, rng.randbytes(20).hex().encode(), at)
        for at in itertools.islice(numbers, n)
    ]


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_memory_is_level_under_invented_segments_and_items(disk: Disk) -> None:
    """120,000 events of a client that invents, through parsing, counting and RocksDB, with a
    hundredth of the shipped limits: after the first third memory grows no more. Without limits it
    grows by some 100 bytes for each name.
    """
    limits, numbers, rng = Limits(100, 1000), itertools.count(), random.Random(1)
    partition, grown = opened(disk, limits), []
    for _ in range(60):
        chunk = chunk_of(invented(numbers, 2000, rng))
        count_chunk(partition, chunk, RULES, NOW_S)
        flush(partition)
        grown.append(resident_bytes())
    assert grown[-1] - grown[19] < 12 << 20
    rows = totals(partition)
    assert len(rows) <= 1000
    assert len({segment for segment, _ in rows}) <= 102
