"""RocksDB behind a partition: batches are whole, the index finds what has expired, and a broken
database is set aside.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from streams.counting import rocksdb as disk_module
from streams.counting.rocksdb import Disk
from streams.counting.rows import SlateRow, encode_slate


def slate(expires_s: float) -> bytes:
    return encode_slate(SlateRow(expires_s))


def put(disk: Disk, **slates: float) -> None:
    batch = disk.batch()
    for name, expires_s in slates.items():
        batch.put_slate(name.encode(), slate(expires_s))
    batch.write()


def names(disk: Disk, watermark_s: float, most: int = 100, after: bytes | None = None) -> list[str]:
    return [name for _key, names in disk.expired(watermark_s, most, after) for name in names]


def test_nothing_of_a_batch_is_there_before_it_is_written_and_all_of_it_after(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path / "d")
    batch = disk.batch()
    batch.put_count(b"Ca", b"1")
    batch.put_slate(b"s", slate(5.0))
    batch.put_offset("log", 7)
    assert disk.is_empty()
    batch.write()
    assert (disk.get(b"Ca"), disk.get(b"Ss"), disk.offset("log")) == (b"1", slate(5.0), 7)


def test_rows_survive_closing_and_opening(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "d")
    put(disk, s=5.0)
    disk.close()
    again = Disk(tmp_path / "d")
    assert again.get(b"Ss") == slate(5.0)
    assert again.note is None


def test_no_value_removes_a_row(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "d")
    put(disk, s=5.0)
    batch = disk.batch()
    batch.put_count(b"Ca", b"1")
    batch.put_count(b"Ca", None)
    batch.put_slate(b"s", None)
    batch.write()
    assert (disk.get(b"Ca"), disk.get(b"Ss")) == (None, None)


def test_expired_gives_the_oldest_first_up_to_the_watermark_and_no_more_than_asked(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path / "d")
    put(disk, late=300.0, soon=2.5, now=10.0, future=1e11)
    assert names(disk, 300.0) == ["soon", "now"]  # before the watermark, not at it
    assert names(disk, 300.1) == ["soon", "now", "late"]
    assert names(disk, 300.1, most=2) == ["soon", "now"]
    assert names(disk, -5.0) == []
    assert names(disk, float("inf")) == []  # a watermark that says nothing forgets nothing


def test_expired_goes_on_beyond_a_key(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "d")
    put(disk, a=1.0, b=2.0, c=3.0)
    key, _names = next(disk.expired(10.0, 1))
    assert names(disk, 10.0, after=key) == ["b", "c"]
    assert names(disk, 10.0, most=1, after=key) == ["b"]


def test_a_row_that_lives_longer_has_both_entries_until_the_old_one_is_dropped(
    tmp_path: Path,
) -> None:
    disk = Disk(tmp_path / "d")
    put(disk, s=1.0)
    put(disk, s=5.0)
    assert names(disk, 10.0) == ["s", "s"]
    key, _names = next(disk.expired(10.0, 1))
    batch = disk.batch()
    batch.drop_expiry(key)
    batch.write()
    assert names(disk, 10.0) == ["s"]
    assert names(disk, 5.0) == []


def test_an_offset_that_is_so_old_that_tombstones_may_be_gone_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Disk(tmp_path / "d")
    batch = disk.batch()
    batch.put_offset("log", 7)
    batch.write()
    now = time.time()
    monkeypatch.setattr(disk_module.time, "time", lambda: now + disk_module.STALE_AFTER_S - 60)
    assert disk.offset("log") == 7
    assert disk.offset("another log") is None
    monkeypatch.setattr(disk_module.time, "time", lambda: now + disk_module.STALE_AFTER_S + 60)
    assert disk.offset("log") is None


def test_wipe_leaves_an_empty_database_that_works(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "d")
    put(disk, s=5.0)
    disk.wipe()
    assert disk.is_empty()
    assert disk.get(b"Ss") is None
    put(disk, t=6.0)
    assert disk.get(b"St") == slate(6.0)


def test_a_broken_database_is_set_aside_said_so_and_an_empty_one_made(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "d")
    put(disk, s=5.0)
    disk.close()
    for manifest in (tmp_path / "d").glob("MANIFEST-*"):
        manifest.write_bytes(b"not a manifest")
    again = Disk(tmp_path / "d")
    assert again.is_empty()
    assert again.note is not None
    assert "could not be opened" in again.note
    assert "rebuilt from the changelog" in again.note
    (aside,) = tmp_path.glob("d.broken-*")
    assert aside.is_dir()
    assert aside.name in again.note


def test_two_cannot_open_one_database(tmp_path: Path) -> None:
    """A second opening must not take the first one's files away as broken."""
    disk = Disk(tmp_path / "d")
    put(disk, s=5.0)
    with pytest.raises(Exception, match="lock"):
        Disk(tmp_path / "d")
    assert disk.get(b"Ss") == slate(5.0)
    assert list(tmp_path.glob("*.broken-*")) == []


def test_estimated_rows_grow_with_the_rows(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "d")
    assert disk.slates() == 0
    put(disk, a=1.0, b=2.0)
    assert disk.slates() >= 2
