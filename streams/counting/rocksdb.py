"""Disk: the rows of one partition in RocksDB, a cache of the changelogs that can be wiped at any
time.

    b"C..." counts, b"F" funnel, b"L..." places, b"P" positions, b"U..." unknown items, b"V..."
                                       outcomes: as in the counts changelog
    b"S" | slate_id                    as in the slates changelog
    b"E" | expires_s f64 big-endian | batch u64 big-endian | u16     msgpack of slate_ids that this
                                                                     batch wrote with this expiry
    b"O" | changelog                   next offset to restore from, i64, and when it was written,
                                       f64: little-endian

An entry of the index that names a row which is gone, or lives longer by now, is passed over. One
entry for many slates, and not one for each, saves half of what a flush writes.

Rows reach the disk only after their transaction was committed, together with the changelog offsets,
in one WriteBatch.
"""

import math
import pathlib
import shutil
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from rocksdict import BlockBasedOptions, Cache, Options, Rdict, WriteBatch

from streams.contract.count_rows import (
    COUNTS_PREFIX,
    DELAYS_KEY,
    decode_count_key,
    encode_count_key,
)
from streams.counting.rows import UNKNOWN_PREFIX, slate_expiry_s, slate_head
from streams.counting.set_aside import BrokenDisk, set_aside

SLATE_PREFIX, EXPIRY_PREFIX, OFFSET_PREFIX = b"S", b"E", b"O"
# for all partitions together; Faust's default is 2 GiB for each table and partition
BLOCK_CACHE_BYTES = 64 << 20
WRITE_BUFFER_BYTES = 8 << 20  # twice this per partition at most
# half of Kafka's delete.retention.ms (24 h): later, tombstones may be gone from the changelog
STALE_AFTER_S = 12 * 3600.0
# What RocksDB says of a machine that cannot open a sound database: to set that one aside would help
# nobody.
NOT_BROKEN = (
    "No space left",
    "While lock file",
    "lock hold by current process",
    "No locks available",
    "Too many open files",
    "Permission denied",
    "Read-only file system",
    "Cannot allocate memory",
)

# and of a database whose files are damaged: everything in it is in the changelogs too
BROKEN = ("Corruption", "Input/output error", "No such file or directory")

_OFFSET = struct.Struct("<qd")
_EXPIRY = struct.Struct(">d")
_ENTRY = struct.Struct(">QH")
BEHIND_TEXT = b"\xff"  # no byte of UTF-8
SLATES_PER_ENTRY = 250  # names; forgetting looks at whole entries
_pack_names = msgspec.msgpack.Encoder().encode
_unpack_names = msgspec.msgpack.Decoder(list[bytes]).decode
_cache: list[Cache] = []


def _options() -> Options:
    if not _cache:
        _cache.append(Cache(BLOCK_CACHE_BYTES))
    table = BlockBasedOptions()
    table.set_block_cache(_cache[0])
    table.set_bloom_filter(10, False)
    table.set_cache_index_and_filter_blocks(True)
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_block_based_table_factory(table)
    options.set_write_buffer_size(WRITE_BUFFER_BYTES)
    # most lookups are of new slates, which are nowhere
    options.set_memtable_prefix_bloom_ratio(0.1)
    options.set_memtable_whole_key_filtering(True)
    options.set_max_write_buffer_number(2)
    options.set_max_background_jobs(2)
    options.set_keep_log_file_num(2)
    options.set_max_log_file_size(1 << 20)
    options.set_max_open_files(64)
    return options


class Disk:
    """One partition's database. `note` says what was done at opening that an operator should know,
    else None. What reads or writes raises `BrokenDisk` where RocksDB finds its files damaged.
    """

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.note: str | None = None
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._db = Rdict(str(path), _options())
        except Exception as error:  # rocksdict raises plain Exception for every fault
            if any(fault in str(error) for fault in NOT_BROKEN):
                raise
            aside = set_aside(path)
            self.note = (
                f"{path} could not be opened ({str(error)[:120]}): set aside as {aside.name}, "
                "rebuilt from the changelog"
            )
            self._db = Rdict(str(path), _options())

    def get(self, key: bytes) -> bytes | None:
        """The value of a row, None if there is none."""
        try:
            value: bytes | None = self._db.get(key)
        except Exception as error:
            raise self._fault(error) from None
        return value

    def _fault(self, error: Exception) -> Exception:
        broken = any(fault in str(error) for fault in BROKEN)
        return BrokenDisk(self.path, str(error)) if broken else error

    def _rows(self, start: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Rows from a key on, in order.

        subtle: at a damaged block an iterator ends as it does behind the last row; its status says
        which. One that is left over would keep the database from closing.
        """
        rows = self._db.iter()
        try:
            rows.seek(start)
            while rows.valid():
                yield rows.key(), rows.value()
                rows.next()
            self._check(rows)
        finally:
            del rows

    def _check(self, rows: Any) -> None:
        try:
            rows.status()
        except Exception as error:
            raise self._fault(error) from None

    def offset(self, changelog: str) -> int | None:
        """Next offset of the changelog to restore from; None if never written, or so long ago that
        tombstones may be gone.
        """
        value = self.get(OFFSET_PREFIX + changelog.encode())
        if value is None:
            return None
        offset, written_s = _OFFSET.unpack(value)
        return int(offset) if time.time() - written_s < STALE_AFTER_S else None

    def batch(self) -> "Batch":
        """A batch of changes, written at once by its `write`."""
        return Batch(self._db, self._fault)

    def expired(
        self, watermark_s: float, most: int, after: bytes | None = None
    ) -> Iterator[tuple[bytes, list[str]]]:
        """Index entries (key, slate_ids) whose expiry is before `watermark_s`, oldest first, beyond
        the key `after`.

        No further entry once they name `most` slates.
        """
        limit = EXPIRY_PREFIX + _EXPIRY.pack(max(0.0, watermark_s))
        if not math.isfinite(watermark_s):
            return
        found = 0
        for key, value in self._rows(after or EXPIRY_PREFIX):
            if found >= most or key >= limit:
                return
            if key == after:
                continue
            names = [name.decode() for name in _unpack_names(value)]
            found += len(names)
            yield key, names

    def slates(self) -> int:
        """How many slate rows there are, roughly (RocksDB's estimate of all keys)."""
        return int(self._db.property_int_value("rocksdb.estimate-num-keys") or 0)

    def counts(self, after: bytes | None, most: int) -> list[tuple[bytes, bytes]]:
        """Rows of counts, keys and values in the order of keys, beyond the key `after`."""
        found: list[tuple[bytes, bytes]] = []
        for key, value in self._db.items(from_key=after or COUNTS_PREFIX):
            if len(found) == most or key[:1] != COUNTS_PREFIX:
                break
            if key != after:
                found.append((key, value))
        return found

    def segments(self) -> list[str]:
        """Segments that have counts, each found by one look past the rows of the one before."""
        found = []
        rows = self._db.iter()
        rows.seek(COUNTS_PREFIX)
        while rows.valid() and (key := rows.key())[:1] == COUNTS_PREFIX:
            segment, _item_id = decode_count_key(key)
            found.append(segment)
            rows.seek(encode_count_key(segment, "") + BEHIND_TEXT)
        try:
            self._check(rows)
        finally:
            del rows
        return found

    def unknown_items(self) -> Iterator[str]:
        """Items that have counts and were not described when they came."""
        for key, _value in self._rows(UNKNOWN_PREFIX):
            if key[:1] != UNKNOWN_PREFIX:
                return
            yield key[1:].decode()

    def keys_between(self, first: bytes, end: bytes) -> list[bytes]:
        """Keys from `first` on, before `end`."""
        found = []
        for key in self._db.keys(from_key=first):
            if key >= end:
                break
            found.append(key)
        return found

    def is_empty(self) -> bool:
        """Whether there is no row at all."""
        return next(self._rows(), None) is None

    def close(self) -> None:
        """Close the database; its lock is free afterwards."""
        self._db.close()

    def wipe(self) -> None:
        """Drop every row: the state is rebuilt from the changelogs."""
        self._db.close()
        shutil.rmtree(self.path)
        self._db = Rdict(str(self.path), _options())


class Batch:
    """Changes that reach the disk together."""

    def __init__(self, db: Rdict, fault: Callable[[Exception], Exception]) -> None:
        self._db = db
        self._fault = fault
        self._batch = WriteBatch(raw_mode=True)
        # by what stands before the row, which is its expiry
        self._expiring: defaultdict[bytes, list[bytes]] = defaultdict(list)

    def put_count(self, key: bytes, value: bytes | None) -> None:
        """A record of the counts changelog; delays are news for its readers and no state."""
        if key == DELAYS_KEY:
            return
        if value is None:
            self._batch.delete(key)
        else:
            self._batch.put(key, value)

    def put_slate(self, key: bytes, value: bytes | None) -> None:
        """A record of the slates changelog, with its entry in the index by expiry."""
        if value is None:
            self._batch.delete(SLATE_PREFIX + key)
        else:
            self._batch.put(SLATE_PREFIX + key, value)
            self._expiring[slate_head(value)].append(key)

    def drop_expiry(self, key: bytes) -> None:
        """An index entry that has been dealt with."""
        self._batch.delete(key)

    def put_offset(self, changelog: str, offset: int) -> None:
        """Everything before `offset` of the changelog is in."""
        self._batch.put(OFFSET_PREFIX + changelog.encode(), _OFFSET.pack(offset, time.time()))

    def write(self) -> None:
        """Write all of it, or nothing."""
        # tells the batches apart: a partition's follow each other by milliseconds at least
        now_ns = time.time_ns()
        for before, names in self._expiring.items():
            head = EXPIRY_PREFIX + _EXPIRY.pack(slate_expiry_s(before))
            for number, at in enumerate(range(0, len(names), SLATES_PER_ENTRY)):
                self._batch.put(
                    head + _ENTRY.pack(now_ns, number),
                    _pack_names(names[at : at + SLATES_PER_ENTRY]),
                )
        try:
            self._db.write(self._batch)
        except Exception as error:
            raise self._fault(error) from None
