"""Restore: bring the disks of newly assigned partitions up to their changelogs, in bulk, before
anything is counted.

    1. compare each changelog's identity and range with what the disk was written from; a disk that
       does not match is wiped
    2. measure the end of the *uncommitted* log: a flush that is being decided lies before it
    3. read committed records from the disk's offset to that end, into RocksDB, one WriteBatch per
       poll and partition
    4. done when the reader's position has passed the end: it goes past control and aborted records,
       waiting for open transactions

Rows go to disk as they are and are decoded when they are needed. Without progress for `timeout_s`
the restore is stuck: `Stuck`.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.counting.rocksdb import Batch, Disk
from streams.kafka.client import consuming
from streams.kafka.rights import named
from streams.kafka.watermarks import measure_range

POLL_RECORDS = 20_000
POLL_S = 0.2
CALL_TIMEOUT_S = 20.0
AGAIN_S = 0.1

Place = tuple[str, int]  # (changelog topic, partition)


class Stuck(RuntimeError):
    """Recovery made no progress: where, how far, and what to look at."""


class Stopped(Exception):
    """The generation that this restore was for is over."""


class Changelogs(NamedTuple):
    """The two changelogs of the state and their identities: a topic that was deleted and made again
    has another one.
    """

    counts: str
    slates: str
    identity: Mapping[str, str]

    def names(self) -> tuple[str, str]:
        """Both topics, counts first."""
        return self.counts, self.slates


def restore(
    client: Mapping[str, Any],
    changelogs: Changelogs,
    disks: Mapping[int, Disk],
    timeout_s: float,
    stopped: Callable[[], bool],
    progress: Callable[[int], None] = lambda _records: None,
) -> list[str]:
    """Bring every disk up to date; returns notes for the operator (what was wiped, and why).

    Raises
    ------
    Stuck
        If nothing moves for `timeout_s` seconds.
    Stopped
        As soon as `stopped()` says that the result is no longer wanted.
    """
    common = {
        **consuming(client),
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
    }
    bulk = {"fetch.wait.max.ms": 20, "fetch.queue.backoff.ms": 5, "queued.min.messages": 500_000}
    notes = []
    reader = Consumer({**common, **bulk, "isolation.level": "read_committed"})
    try:
        start: dict[Place, int] = {}
        left: dict[Place, int] = {}
        for number, disk in disks.items():
            plan = _plan(common, changelogs, number, disk)  # 1, 2
            notes += [plan.note] if plan.note else []
            start |= plan.start
            for place, end in plan.end.items():
                if plan.start[place] < end:
                    left[place] = end
                else:
                    _finish(changelogs, disk, place, end)
        reader.assign(
            [TopicPartition(topic, number, start[topic, number]) for topic, number in left]
        )
        _read(reader, changelogs, disks, left, timeout_s, stopped, progress)  # 3, 4
    finally:
        reader.close()
    return notes


class _Plan(NamedTuple):
    start: dict[Place, int]
    end: dict[Place, int]
    note: str | None


def _plan(common: dict[str, Any], changelogs: Changelogs, number: int, disk: Disk) -> _Plan:
    """Where to start and where to end for one partition; wipes a disk that the changelogs do not
    bear out.
    """
    # subtle: read_uncommitted, or the end would be the last stable offset, and a flush that is
    # being decided would be lost
    meter = Consumer({**common, "isolation.level": "read_uncommitted"})
    try:
        ranges = {name: measure_range(meter, name, number) for name in changelogs.names()}
    finally:
        meter.close()
    known = {name: disk.offset(changelogs.identity[name]) for name in ranges}
    fits = all(
        (at := known[name]) is not None and low <= at <= end for name, (low, end) in ranges.items()
    )
    note = None
    if not fits:
        if not disk.is_empty():
            note = (
                f"partition {number}: local rows dropped and read again: they end at {known}, "
                f"the changelogs hold {ranges} "
                "(None: another topic of that name, or written too long ago)"
            )
            disk.wipe()
        known = {name: low for name, (low, _end) in ranges.items()}
    start = {(name, number): at for name, at in known.items() if at is not None}
    return _Plan(start, {(name, number): end for name, (_low, end) in ranges.items()}, note)


def _read(
    reader: Consumer,
    changelogs: Changelogs,
    disks: Mapping[int, Disk],
    left: dict[Place, int],
    timeout_s: float,
    stopped: Callable[[], bool],
    progress: Callable[[int], None],
) -> None:
    places = {place: 0 for place in left}
    moved_at = time.monotonic()
    while left:
        if stopped():
            raise Stopped
        records = reader.consume(POLL_RECORDS, POLL_S)
        _write(records, changelogs, disks)
        progress(len(records))
        for position in reader.position([TopicPartition(*place) for place in left]):
            place = position.topic, position.partition
            if position.offset > places[place]:
                places[place], moved_at = position.offset, time.monotonic()
            if position.offset >= left[place]:
                _finish(changelogs, disks[place[1]], place, position.offset)
                del left[place]
        if time.monotonic() - moved_at > timeout_s:
            (topic, number), end = next(iter(left.items()))
            msg = (
                f"no progress for {timeout_s:g} s restoring {topic}[{number}] at "
                f"{places[topic, number]} of {end}: "
                "is the broker up, and is a transaction left open? A restart tries again"
            )
            raise Stuck(msg)


def _write(records: Iterable[Any], changelogs: Changelogs, disks: Mapping[int, Disk]) -> None:
    batches: dict[int, Batch] = {}
    reached: dict[Place, int] = {}
    for record in records:
        if record.error():
            raise KafkaException(named(record.error(), f"topic {record.topic()} (Read)"))
        number = record.partition()
        batch = batches.get(number)
        if batch is None:
            batch = batches[number] = disks[number].batch()
        topic = record.topic()
        (batch.put_count if topic == changelogs.counts else batch.put_slate)(
            record.key(), record.value()
        )
        reached[topic, number] = record.offset()
    for (topic, number), offset in reached.items():
        batches[number].put_offset(changelogs.identity[topic], offset + 1)
    for batch in batches.values():
        batch.write()


def _finish(changelogs: Changelogs, disk: Disk, place: Place, offset: int) -> None:
    batch = disk.batch()
    batch.put_offset(changelogs.identity[place[0]], offset)
    batch.write()
