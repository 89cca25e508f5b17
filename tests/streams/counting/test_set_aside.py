"""Databases whose files are damaged: a block that cannot be read is found wherever it is met, the
database is set aside, and the worker goes on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.contract.count_rows import encode_count_key
from streams.counting import set_aside as module
from streams.counting.rocksdb import Disk
from streams.counting.rows import UNKNOWN_VALUE, SlateRow, encode_slate
from streams.counting.set_aside import BrokenDisk, remove_old, set_aside
from tests.streams.counting.test_store import World

SLATES = 4000
COUNT = encode_count_key("x", "i")


def filled(path: Path, start: float = 0.1, unknown: int = SLATES) -> Disk:
    """A database with some dozens of blocks, most of them damaged."""
    disk = Disk(path)
    batch = disk.batch()
    batch.put_count(COUNT, b"1")
    for number in range(SLATES):
        batch.put_slate(f"s{number:04d}".encode(), encode_slate(SlateRow(5.0)))
    for number in range(unknown):
        batch.put_count(f"Uitem-{number:04d}".encode(), UNKNOWN_VALUE)
    batch.write()
    disk.close()
    disk = Disk(path)  # what was in the log is in a file now
    damage(path, start, 0.7 - start)
    return disk


def damage(path: Path, start: float, share: float) -> None:
    """Overwrite a part of each file; behind 0.7 are the filter and the index."""
    for file in path.glob("*.sst"):
        size = file.stat().st_size
        with file.open("r+b") as opened:
            opened.seek(int(size * start))
            opened.write(b"\xff" * int(size * share))


READS: dict[str, Callable[[Disk], object]] = {
    "a row": lambda disk: [disk.get(f"Ss{number:04d}".encode()) for number in range(SLATES)],
    "unknown items": lambda disk: list(disk.unknown_items()),
    "what has expired": lambda disk: list(disk.expired(9.0, 10 * SLATES)),
}


@pytest.mark.parametrize("what", READS)
def test_a_damaged_block_is_said_and_never_the_end_of_what_is_read(
    tmp_path: Path, what: str
) -> None:
    disk = filled(tmp_path / "d")
    assert disk.get(COUNT) == b"1"
    with pytest.raises(BrokenDisk, match="could not be read"):
        READS[what](disk)
    disk.close()
    assert set_aside(tmp_path / "d").name.startswith("d.broken-")
    Disk(tmp_path / "d").close()  # no lock is left


def test_two_that_are_set_aside_within_a_second_have_two_names(tmp_path: Path) -> None:
    names = set()
    for _ in range(2):
        (tmp_path / "d").mkdir()
        names.add(set_aside(tmp_path / "d").name)
    assert len(names) == 2


def test_what_was_set_aside_is_removed_after_a_week_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = int(time.time())
    for name in ("partition-1", "partition-2.broken-tuesday", f"partition-1.broken-{now_s}"):
        (tmp_path / name).mkdir()
    assert remove_old(tmp_path) == []
    monkeypatch.setattr(module.time, "time", lambda: now_s + module.KEPT_S + 1)
    assert remove_old(tmp_path) == [f"partition-1.broken-{now_s}"]
    assert {path.name for path in tmp_path.iterdir()} == {
        "partition-1",
        "partition-2.broken-tuesday",
    }


def test_a_block_that_is_damaged_under_a_running_worker_costs_one_restore(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch)
    state = world.store.settings.data_dir / "state"
    filled(state / "partition-0", 0.4, unknown=0).close()

    async def run() -> None:
        await world.own(1, 0, 1)
        world.count(1)
        try:
            for number in range(SLATES):
                world.store.partitions[0].slate(f"s{number:04d}")
        except BrokenDisk as broken:
            world.store.set_aside(broken)
        assert world.in_place == 1
        assert world.store.ready_generation is None
        await world.store.flush()  # nothing of what was counted meanwhile
        assert world.transactions.commits == []
        await world.own(1, 0, 1)  # the same generation, as the recovery does
        assert world.store.partitions[0].disk.is_empty()
        world.count(1)
        await world.store.flush()
        assert len(world.transactions.commits) == 1

    asyncio.run(run())
    assert len(list(state.glob("partition-0.broken-*"))) == 1
    assert list(state.glob("partition-1.broken-*")) == []
    assert world.ended == []


def test_a_block_that_is_damaged_before_the_start_is_set_aside_at_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, monkeypatch)
    state = world.store.settings.data_dir / "state"
    filled(state / "partition-0").close()
    damage(state / "partition-0", 0.0, 0.7)

    async def run() -> None:
        assert await world.own(1, 0)
        assert world.store.partitions[0].disk.is_empty()

    asyncio.run(run())
    assert len(list(state.glob("partition-0.broken-*"))) == 1
