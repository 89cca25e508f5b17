"""What the tests of the engine are made of: records without a broker, events, partitions on a disk
of their own, a flush without Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Message

from streams.config import Settings, load_settings
from streams.contract.count_rows import COUNTS_PREFIX, decode_count, decode_count_key
from streams.contract.events import Click, Impression, OfferedItem, OfferedSlate
from streams.counting import attribution, impressions, served
from streams.counting.chunk import Chunk, ImpressionRuns, Refusal
from streams.counting.consumer import sample_of
from streams.counting.parse import feedback, offered, parse, shown
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from streams.counting.rules import Rules

WINDOW_S, CONVERSION_WINDOW_S = 100.0, 1000.0
RULES = Rules(WINDOW_S, CONVERSION_WINDOW_S)
NOW_S = 1_001_000_000.0  # later than every event of the tests, unless a test is about that
START_S = 1_000_500_000.0
AT_MS = 1_700_000_000_000


def record(
    value: bytes | None,
    key: bytes | None = b"user",
    topic: str = "impressions",
    partition: int = 0,
    offset: int = 0,
    at_ms: int = AT_MS,
) -> Message:
    """A record as confluent-kafka hands it out."""
    return Message(
        topic=topic, partition=partition, offset=offset, key=key, value=value, timestamp=(1, at_ms)
    )


def chunk_of(
    values: Iterable[bytes | None],
    source: str = "impressions",
    key: bytes | None = b"user",
    start: int = 0,
    max_bytes: int = 1000,
) -> Chunk:
    """A chunk of partition 0, read in session 0."""
    return chunk_from(
        [record(value, key, source, 0, start + at) for at, value in enumerate(values)],
        source,
        start,
        max_bytes,
    )


def chunk_from(records: list[Any], source: str, start: int = 0, max_bytes: int = 1000) -> Chunk:
    """A chunk of these records of partition 0, read in session 0."""
    return Chunk(
        source,
        source,
        0,
        start,
        start + len(records),
        AT_MS,
        0,
        sample_of(source, records),
        *parse(source, records, max_bytes, RULES),
    )


def count_impressions(
    partition: Partition, events: Sequence[Impression], rules: Rules, now_s: float
) -> list[Refusal]:
    """As the engine does with a chunk of them."""
    return impressions.count_impressions(partition, shown(events, rules), rules, now_s)


def count_clicks(
    partition: Partition, events: Sequence[Click], rules: Rules, now_s: float
) -> list[Refusal]:
    """As the engine does with a chunk of them."""
    return attribution.count_clicks(partition, feedback(events, rules), rules, now_s)


def note_slate(
    partition: Partition,
    slate: str = "s",
    segment: str = "x",
    items: Sequence[str] = (),
    at_s: float = 0.0,
    rules: Rules = RULES,
    now_s: float = NOW_S,
    policy: str = "v1",
) -> None:
    """As the engine does with a slate that this project made, `at_s` seconds after START_S."""
    made = OfferedSlate(
        slate,
        segment,
        policy,
        START_S + at_s,
        [OfferedItem(item, position, 0.5) for position, item in enumerate(items)],
    )
    served.note_slates(partition, offered([made], rules), rules, now_s)


def impression(slate: str = "s", item: str = "i", at_s: float = 0.0, **rest: Any) -> Impression:
    """An impression `at_s` seconds after START_S, at position 0."""
    position = rest.pop("position", 0)
    return Impression(slate, "user", START_S + at_s, item, position, **rest)


def click(
    slate: str = "s", item: str = "i", at_s: float = 0.0, kind: Any = "click", value: float = 1.0
) -> Click:
    """A click, or conversion, `at_s` seconds after START_S."""
    return Click(slate, "user", item, START_S + at_s, kind, value)


def seen_items(shows: ImpressionRuns) -> list[tuple[str, str, float]]:
    """(slate_id, item_id, time) of each impression, in order."""
    return [
        (run.slate_id, item_id, ts)
        for run in shows.runs
        for item_id, ts in msgspec.msgpack.decode(run.seen_items).items()
    ]


def partition_on(
    path: Path, rows_in_memory: int = 1000, half_life_s: float | None = None
) -> Partition:
    """A partition with an empty disk."""
    return Partition(0, Disk(path / "partition-0"), rows_in_memory, half_life_s)


def flush(partition: Partition) -> None:
    """What the store does at a flush, without Kafka."""
    changes = partition.take_changes()
    if changes is not None:
        write(partition, changes)
        partition.settled()


def write(partition: Partition, changes: Any) -> None:
    """Step 5 of a flush."""
    batch = partition.disk.batch()
    for key, value in changes.counts:
        batch.put_count(key, value)
    for key in changes.expiries:
        batch.drop_expiry(key)
    for key, slate in changes.slates:
        batch.put_slate(key, slate)
    batch.write()


def stored(partition: Partition) -> Iterator[tuple[tuple[str, str], tuple[float, ...]]]:
    """((segment, item_id), totals) of every row on the partition's disk."""
    for key, value in partition.disk._db.items(from_key=COUNTS_PREFIX):
        if key[:1] != COUNTS_PREFIX:
            return
        yield decode_count_key(key), decode_count(value).totals()


def totals(partition: Partition) -> dict[tuple[str, str], tuple[float, float, float, float]]:
    """Impressions, clicks, conversions and value per (segment, item_id), all on disk."""
    flush(partition)
    return {name: row[:4] for name, row in stored(partition)}


def empty(disk: Disk) -> Disk:
    """The disk without its rows: much faster than another one."""
    for key in list(disk._db.keys()):
        disk._db.delete(key)
    return disk


def settings(tmp_path: Path, bootstrap: str = "127.0.0.1:1", **environ: str) -> Settings:
    """Settings with a data directory under `tmp_path`."""
    return load_settings(
        {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "SLATESTREAM_DATA_DIR": str(tmp_path / "data"),
            "SLATESTREAM_RELEASES_DIR": str(tmp_path / "releases"),
            **environ,
        }
    )
