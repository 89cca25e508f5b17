"""The store without a broker: what a flush makes durable, in which order, and what each failure
leaves behind.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.counting import opening as opening_module
from streams.counting import partition as partition_module
from streams.counting import slices
from streams.counting import store as store_module
from streams.counting.partition import Rejected
from streams.counting.rocksdb import Disk
from streams.counting.rows import POSITIONS_KEY, decode_positions
from streams.counting.sources import Sources
from streams.counting.store import Store
from streams.kafka.transaction import BY_KEY, CommitAborted, CommitFenced, FatalCommit, Owner, Rows
from streams.metrics import Metrics
from tests.streams.making import NOW_S, RULES, chunk_of, count_impressions, impression, settings

TOPICS = {
    "impressions": "p.impressions",
    "clicks": "p.clicks",
    "slates": "p.slates",
}
CHANGELOGS = ("counts-log", "slates-log")


class FakeSources(Sources):
    """Topics of 1000 records from 0."""

    def identities(self, extra: Iterable[str]) -> dict[str, str]:
        self._identity = {name: f"id of {name}" for name in [*self.topics.values(), *extra]}
        return self._identity

    def measure(self, applied: Mapping[int, Mapping[str, int]]) -> None:
        self._ranges |= {
            (source, number): (0, 1000) for number in applied for source in self.topics
        }


class FakeTransactions:
    """Commits go to a list, or fail with `failure`; `gate` holds them back."""

    def __init__(self) -> None:
        self.commits: list[tuple[list[Rows], dict[tuple[str, int], int], Owner]] = []
        self.failure: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def start(self) -> None:
        """Nothing to take."""

    def commit(
        self, changes: Iterable[Rows], offsets: Mapping[tuple[str, int], int], owner: Owner
    ) -> dict[tuple[str, int], int]:
        self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        self.commits.append((list(changes), dict(offsets), owner))
        return {(each.topic, each.partition): 7 for each in self.commits[-1][0] if each.rows}


class World:
    """A store, its fake log, and what it said."""

    def __init__(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.transactions = FakeTransactions()
        self.ended: list[str] = []
        self.in_place = 0
        self.metrics = Metrics()
        monkeypatch.setattr(opening_module, "restore", lambda *_args: [])
        found: Any = self.transactions
        self.store = Store(
            settings(tmp_path),
            FakeSources({}, TOPICS),
            CHANGELOGS,
            "dead-letters",
            RULES,
            self.metrics,
            found,
            self.ended.append,
        )
        self.store.restore_in_place = self._again

    def _again(self) -> None:
        self.in_place += 1

    async def own(self, generation: int, *numbers: int) -> bool:
        return await self.store.restore(generation, "member", numbers, lambda: True)

    def count(self, number: int = 0, slate: str = "s", start: int = 0, size: int = 5) -> None:
        events = [impression(slate, f"i{start + at}") for at in range(size)]
        chunk = chunk_of([])._replace(
            topic="p.impressions",
            partition=number,
            start=start,
            end=start + size,
            session=self.store.session,
        )
        partition = self.store.admit(chunk)
        assert partition is not None
        count_impressions(partition, events, RULES, NOW_S)
        self.store.advance(chunk)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def test_a_flush_commits_rows_positions_dead_letters_and_offsets_under_the_owner_of_the_state(
    world: World,
) -> None:
    async def run() -> None:
        assert await world.own(3, 0, 1)
        world.count(0)
        world.store.partitions[0].rejected.append(Rejected(b"k", b"letter"))
        await world.store.flush()

    asyncio.run(run())
    ((changes, offsets, owner),) = world.transactions.commits
    assert owner == Owner("slatestream", 3, "member")
    assert offsets == {("p.impressions", 0): 5, ("p.clicks", 0): 0, ("p.slates", 0): 0}
    counts, slates, letters, *_others = changes
    assert [(each.topic, len(each.rows)) for each in (counts, slates)] == [
        ("counts-log", 7),
        ("slates-log", 1),
    ]
    key, value = counts.rows[6]
    assert key == POSITIONS_KEY
    assert decode_positions(value or b"").offsets == {
        "impressions": 5,
        "clicks": 0,
        "slates": 0,
    }
    assert letters == Rows("dead-letters", BY_KEY, [(b"k", b"letter")])
    assert world.metrics.registry.get_sample_value("slatestream_flushes_total") == 1


def test_after_a_flush_the_disk_has_the_rows_and_the_changelog_offset(world: World) -> None:
    async def run() -> None:
        await world.own(1, 0)
        world.count()
        await world.store.flush()

    asyncio.run(run())
    disk = world.store.partitions[0].disk
    assert disk.offset("id of counts-log") == 8
    assert disk.offset("id of slates-log") == 8
    assert disk.get(POSITIONS_KEY) is not None


def test_nothing_new_is_no_transaction(world: World) -> None:
    async def run() -> None:
        await world.own(1, 0)
        await world.store.flush()
        world.count()
        await world.store.flush()
        await world.store.flush()

    asyncio.run(run())
    assert len(world.transactions.commits) == 1


def test_what_is_counted_during_a_flush_is_in_the_next_one(world: World) -> None:
    async def run() -> None:
        await world.own(1, 0)
        world.count(start=0)
        world.transactions.gate.clear()
        flushing = asyncio.create_task(world.store.flush())
        await asyncio.sleep(0.05)
        world.count(slate="t", start=5)
        world.transactions.gate.set()
        await flushing
        await world.store.flush()

    asyncio.run(run())
    offsets = [commit[1]["p.impressions", 0] for commit in world.transactions.commits]
    assert offsets == [5, 10]


def test_a_flush_is_encoded_in_slices_between_which_nothing_is_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes meanwhile waits, and is in the next flush."""
    for module in (partition_module, slices):
        monkeypatch.setattr(module, "ROWS_AT_ONCE", 10)
    turns: list[str] = []

    async def run() -> None:
        await world.own(1, 0)
        world.count(size=100)
        flushing = asyncio.create_task(world.store.flush())
        await asyncio.sleep(0)
        counting = asyncio.create_task(world.store.counting.acquire())
        while not counting.done():
            turns.append("turn")
            await asyncio.sleep(0)
        assert world.store.partitions[0].dirty_counts == {}
        world.count(start=100)
        world.store.counting.release()
        await flushing
        await world.store.flush()

    asyncio.run(run())
    assert len(turns) >= 10
    assert [commit[1]["p.impressions", 0] for commit in world.transactions.commits] == [100, 105]


@pytest.mark.parametrize(
    ("failure", "in_place", "ended"),
    [(CommitFenced("g"), 0, 0), (CommitAborted("u"), 1, 0), (FatalCommit("e"), 0, 1)],
)
def test_each_failure_of_the_transaction_has_its_answer_and_the_disk_stays_as_it_was(
    world: World, failure: Exception, in_place: int, ended: int
) -> None:
    async def run() -> None:
        await world.own(1, 0)
        world.count()
        disk = world.store.partitions[0].disk
        world.transactions.failure = failure
        await world.store.flush()
        assert disk.is_empty()

    asyncio.run(run())
    assert (world.in_place, len(world.ended)) == (in_place, ended)
    # the memory is dropped, or the process ends
    assert (world.store.partitions == {}) == (ended == 0)
    assert ended or world.store.ready_generation is None


def test_a_full_disk_ends_the_process_with_the_reason(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def run() -> None:
        await world.own(1, 0)
        world.count()

        def full() -> Any:
            message = "IO error: No space left on device"
            raise Exception(message)

        monkeypatch.setattr(world.store.partitions[0].disk, "batch", full)
        await world.store.flush()

    asyncio.run(run())
    (said,) = world.ended
    assert said.startswith(
        "IO error: No space left on device: the flush is in the changelog, local rows are behind it"
    )


def test_a_chunk_of_an_earlier_session_is_refused_and_one_that_does_not_fit_is_an_error(
    world: World,
) -> None:
    async def run() -> None:
        await world.own(1, 0)
        old = chunk_of([b"{}"] * 3)
        assert world.store.open_session() == 1
        assert world.store.admit(old) is None
        with pytest.raises(RuntimeError, match=r"impressions\[0\]: expected a chunk from 0, got 5"):
            world.store.admit(old._replace(session=1, start=5))
        world.store.close_flow()
        assert world.store.admit(old._replace(session=1)) is None

    asyncio.run(run())


def test_memory_is_kept_for_the_next_generation_and_dropped_after_a_gap(world: World) -> None:
    async def run() -> None:
        await world.own(1, 0, 1)
        kept = world.store.partitions[0]
        await world.own(2, 0)
        assert world.store.partitions == {0: kept}
        await world.own(4, 0)
        assert world.store.partitions[0] is not kept

    asyncio.run(run())


def test_a_restore_that_nobody_wants_any_more_leaves_the_flow_closed(world: World) -> None:
    async def run() -> None:
        assert not await world.store.restore(1, "m", [0], lambda: False)
        assert world.store.ready_generation is None

    asyncio.run(run())


def test_partitions_share_the_rows_in_memory(world: World) -> None:
    async def run() -> None:
        await world.own(1, 0, 1, 2, 3)

    asyncio.run(run())
    assert {partition.rows_in_memory for partition in world.store.partitions.values()} == {
        world.store.settings.rows_in_memory // 4
    }


def test_a_late_flush_is_congestion_until_it_ends(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "SLOW_FLUSH_S", 0.02)

    async def run() -> None:
        await world.own(1, 0)
        world.count()
        world.transactions.gate.clear()
        flushing = asyncio.create_task(world.store.flush())
        await asyncio.sleep(0.1)
        assert world.store.congested
        world.transactions.gate.set()
        await flushing
        assert not world.store.congested

    asyncio.run(run())


def test_closing_frees_the_disks(world: World) -> None:
    async def run() -> None:
        await world.own(1, 0)
        world.count()
        await world.store.flush()
        await world.store.close()
        again = Disk(world.store.settings.data_dir / "state" / "partition-0")
        assert not again.is_empty()

    asyncio.run(run())


def test_a_last_flush_that_does_not_end_ends_the_process_and_one_that_does_ends_nothing(
    world: World,
) -> None:
    """A worker that waited for ever in its revocation could never join the group again."""

    async def run() -> None:
        await world.own(1, 0)
        world.count()
        await world.store.last_flush(5.0)
        assert world.ended == []
        world.count(slate="t", start=5)
        world.transactions.gate.clear()
        asyncio.get_running_loop().call_later(0.3, world.transactions.gate.set)
        await world.store.last_flush(0.1)

    asyncio.run(run())
    assert ["did not end within 0.1 s" in reason for reason in world.ended] == [True]
    assert len(world.transactions.commits) == 2
