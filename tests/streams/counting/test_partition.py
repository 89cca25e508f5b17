"""A partition against a plain dict: no row is lost or stale, however small the memory and whenever
flushes begin and end.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from streams.contract.count_rows import decode_count, decode_count_key
from streams.contract.funnel_rows import FUNNEL_KEY, decode_funnel
from streams.counting.partition import Changes, Partition, Rejected
from streams.counting.rocksdb import Disk
from streams.counting.rows import POSITIONS_KEY, Seen, SlateRow, decode_positions, decode_slate
from tests.streams.making import flush, partition_on, write

KEYS = st.sampled_from([("x", "a"), ("x", "b"), ("y", "a"), ("", "ü"), ("xa", "")])
SLATES = st.sampled_from(["s1", "s2", "s3", "s4"])


class AgainstADict(RuleBasedStateMachine):
    """Counts and slates of a partition with room for `rows_in_memory` rows; a flush is taken, later
    it lands or is lost with the memory.
    """

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="partition-"))
        self.disk = Disk(self.directory / "p")
        self.counts: dict[tuple[str, str], float] = {}  # the model
        self.slates: dict[str, float] = {}
        self.durable: tuple[dict[tuple[str, str], float], dict[str, float]] = ({}, {})
        self.taken: (
            tuple[Changes | None, tuple[dict[tuple[str, str], float], dict[str, float]]] | None
        ) = None

    @initialize(rows_in_memory=st.integers(0, 3))
    def begin(self, rows_in_memory: int) -> None:
        self.rows_in_memory = rows_in_memory
        self.partition = Partition(0, self.disk, rows_in_memory)

    def teardown(self) -> None:
        self.disk.close()
        shutil.rmtree(self.directory)

    @rule(key=KEYS, through_changes=st.booleans())
    def count(self, key: tuple[str, str], through_changes: bool) -> None:
        row = (
            self.partition.dirty_counts.get(key) if through_changes else None
        ) or self.partition.count(key)
        row.impressions += 1
        self.counts[key] = self.counts.get(key, 0) + 1

    @rule(name=SLATES, at_s=st.integers(1, 9))
    def change_slate(self, name: str, at_s: int) -> None:
        row = self.partition.slate(name)
        assert (None if row is None else row.expires_s) == self.slates.get(name)
        row = row or SlateRow(0.0)
        row.expires_s = self.slates[name] = float(at_s)
        self.partition.put_slate(name, row)

    @rule(name=SLATES)
    def forget_slate(self, name: str) -> None:
        self.partition.put_slate(name, None)
        self.slates.pop(name, None)

    @rule(name=SLATES)
    def look(self, name: str) -> None:
        row = self.partition.slate(name)
        assert (None if row is None else row.expires_s) == self.slates.get(name)

    @precondition(lambda self: self.taken is None)
    @rule()
    def take(self) -> None:
        self.taken = self.partition.take_changes(), (dict(self.counts), dict(self.slates))

    @precondition(lambda self: self.taken is not None)
    @rule()
    def land(self) -> None:
        assert self.taken is not None
        changes, self.durable = self.taken
        self.taken = None
        if changes is not None:
            write(self.partition, changes)
            self.partition.settled()

    @rule()
    def crash(self) -> None:
        """Memory goes; what landed is what there is."""
        self.taken = None
        self.counts, self.slates = dict(self.durable[0]), dict(self.durable[1])
        self.partition = Partition(0, self.disk, self.rows_in_memory)

    @invariant()
    def every_count_is_right(self) -> None:
        for key, impressions in self.counts.items():
            memory = self.partition.counts.get(key) or self.partition._older_counts.get(key)
            if memory is not None:
                assert memory.impressions == impressions

    @rule()
    def recount(self) -> None:
        for key, impressions in self.counts.items():
            assert self.partition.count(key).impressions == impressions


TestAgainstADict = AgainstADict.TestCase
TestAgainstADict.settings = settings(max_examples=40, stateful_step_count=30)


def test_nothing_happened_is_no_change(tmp_path: Path) -> None:
    partition = partition_on(tmp_path)
    assert partition.take_changes() is None
    partition.moved = True
    assert partition.take_changes() is not None
    assert partition.take_changes() is None


def test_changes_hold_each_row_once_and_the_positions_last(tmp_path: Path) -> None:
    partition = partition_on(tmp_path)
    for _ in range(3):
        partition.count(("x", "a")).impressions += 1
    partition.put_slate("s", SlateRow(5.0, items={"a": Seen(1)}))
    partition.put_slate("gone", None)
    partition.offsets["clicks"] = 12
    partition.rejected.append(Rejected(b"k", b"v"))
    partition.note("clicks", "click", "x", 2)
    changes = partition.take_changes()
    assert changes is not None
    (key, value), (funnel, outcomes), (last, positions) = changes.counts
    assert (decode_count_key(key), decode_count(value).impressions) == (("x", "a"), 3)
    assert (funnel, decode_funnel(outcomes)) == (FUNNEL_KEY, {"clicks": {"click": 2}})
    assert last == POSITIONS_KEY
    assert decode_positions(positions).offsets == changes.offsets == {"clicks": 12}
    assert {name: slate and decode_slate(slate) for name, slate in changes.slates} == {
        b"s": SlateRow(5.0, items={"a": Seen(1)}),
        b"gone": None,
    }
    assert changes.rejected == [Rejected(b"k", b"v")]
    assert changes.outcome_counts == {("click", "x"): 2}
    assert (partition.rejected, partition.outcome_counts, partition.expiries) == ([], {}, [])


def test_what_comes_after_the_taking_is_in_the_next_changes_only(tmp_path: Path) -> None:
    partition = partition_on(tmp_path)
    partition.offsets["clicks"] = 1
    partition.count(("x", "a")).impressions += 1
    first = partition.take_changes()
    partition.offsets["clicks"] = 2
    partition.count(("x", "a")).impressions += 1
    second = partition.take_changes()
    assert first is not None
    assert second is not None
    assert [decode_count(each.counts[0][1]).impressions for each in (first, second)] == [1, 2]
    assert [each.offsets["clicks"] for each in (first, second)] == [1, 2]


def test_a_partition_goes_on_from_its_disk(tmp_path: Path) -> None:
    partition = partition_on(tmp_path, half_life_s=10.0)
    row = partition.count(("x", "a"))
    row.impressions, row.fresh_impressions, row.reference_s = 5, 2.5, 60.0
    partition.offsets["clicks"], partition.stream_s["clicks"], partition.topic_ids["clicks"] = (
        7,
        8.5,
        "id",
    )
    flush(partition)
    again = Partition(0, partition.disk, 10, half_life_s=10.0)
    assert (again.offsets, again.stream_s, again.topic_ids) == (
        {"clicks": 7},
        {"clicks": 8.5},
        {"clicks": "id"},
    )
    assert (again.count(("x", "a")).fresh()[0], again.count(("x", "a")).reference_s) == (2.5, 60.0)


def test_memory_holds_two_rotations_of_rows_at_most(tmp_path: Path) -> None:
    partition = partition_on(tmp_path, rows_in_memory=10)
    for number in range(200):
        partition.count(("x", str(number))).impressions += 1
        partition.put_slate(str(number), SlateRow(5.0))
        if number % 5 == 4:
            flush(partition)
            assert len(partition.counts) + len(partition._older_counts) <= 2 * 15
            assert len(partition.slates) + len(partition._older_slates) <= 2 * 15
    assert partition.count(("x", "0")).impressions == 1
