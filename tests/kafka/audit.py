"""The audit after a round: totals, dead letters and local disks against what they must be. Every
finding is one sentence.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator

from confluent_kafka import Consumer, Message, TopicPartition
from rocksdict import Options, Rdict

from streams.contract.count_rows import COUNTS_PREFIX, DELAYS_KEY, decode_counts
from streams.contract.outcome_rows import SLATE_SUMS, SLATES_KIND
from streams.counting.rocksdb import EXPIRY_PREFIX, OFFSET_PREFIX, SLATE_PREFIX
from streams.kafka.admin import topic_ids
from streams.serving.counts_view import read_counts
from streams.serving.watch.outcomes_view import read_outcomes
from tests.kafka.feed import Feed
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet
from tests.kafka.history import History
from tests.kafka.oracle import differences

LOCAL = (
    SLATE_PREFIX,
    EXPIRY_PREFIX,
    OFFSET_PREFIX,
)  # all else on a disk is of the counts changelog


def totals(fleet: Fleet, history: History) -> list[str]:
    """`stats export` against the oracle."""
    return differences(history.expected, read_counts(fleet.settings))


def outcomes(fleet: Fleet, *histories: History) -> list[str]:
    """Outcome rows of the slates of histories, which name the policy version v1, against the
    oracle.
    """
    found = dict.fromkeys(SLATE_SUMS, 0.0)
    for key, sums in read_outcomes(fleet.settings).sums.items():
        if key.kind == SLATES_KIND and key.names[1] == "v1":
            for column, more in zip(SLATE_SUMS, sums, strict=True):
                found[column] += more
    columns = ("offered", "impressions", "clicks", "conversions", "value")
    wanted = [sum(history.outcomes[at] for history in histories) for at in range(len(columns))]
    return [
        f"outcomes: expected {want:g} {column}, found {found[column]:g}"
        for column, want in zip(columns, wanted, strict=True)
        if found[column] != want
    ]


def dead_letters(fleet: Fleet, feed: Feed) -> list[str]:
    """One dead letter for each bad event, none for others; of a request, two where its answer was
    on its way when a serving process was killed.
    """
    found: Counter[tuple[str, int, int]] = Counter()
    for record in committed_records(fleet.bootstrap, fleet.names.dead_letters, [0]):
        letter = json.loads(record.value() or b"{}")
        found[letter["topic"], letter["partition"], letter["offset"]] += 1
    lines = [f"no dead letter for {place}" for place in sorted(feed.refused - found.keys())]
    return lines + [
        f"{times} dead letters for {place}"
        for place, times in found.items()
        if place not in feed.refused or (times > 1 and place[0] != fleet.names.slate_requests)
    ]


def answers(fleet: Fleet, history: History, faults: int, partitions: int) -> list[str]:
    """Each request has an answer; one, and one more for each time that a serving process was killed
    or stopped.
    """
    found: Counter[str] = Counter()
    for record in committed_records(fleet.bootstrap, fleet.names.slates, list(range(partitions))):
        with contextlib.suppress(ValueError, AttributeError):
            found[json.loads(record.value() or b"").get("slate_id")] += 1
    lines = [f"no answer to {name}" for name in sorted(history.request_ids - found.keys())]
    return lines + [
        f"{found[name]} answers to {name}, after {faults} faults of serving processes"
        for name in sorted(history.request_ids)
        if found[name] > 1 + faults
    ]


def disks(fleet: Fleet, partitions: int) -> list[str]:
    """Each local database against the changelogs up to the offsets that it names; the workers must
    have ended.

    Holds for changelogs that were never compacted, as those of a short test.
    """
    counts, slates = fleet.changelogs()
    identity = topic_ids({"bootstrap.servers": fleet.bootstrap}, (counts, slates))
    logs: dict[tuple[str, int], list[tuple[int, bytes, bytes | None]]] = defaultdict(list)
    for name in (counts, slates):
        for record in committed_records(fleet.bootstrap, name, list(range(partitions))):
            logs[name, record.partition() or 0].append(
                (record.offset() or 0, record.key() or b"", record.value())
            )
    lines = [
        f"{odd} rows of {name}[{number}] did not grow by what they say"
        for (name, number), records in logs.items()
        if name == counts and (odd := _odd_growth(records))
    ]
    for worker in fleet.workers:
        for path in sorted((worker.data_dir / "state").glob("partition-*")):
            if not path.name.rpartition("-")[2].isdigit():
                continue
            number = int(path.name.rpartition("-")[2])
            have = _rows(str(path))
            for name, prefix in ((counts, b""), (slates, SLATE_PREFIX)):
                stored = have.get(OFFSET_PREFIX + identity[name].encode())
                until = (
                    int.from_bytes(stored[:8], "little", signed=True) if stored is not None else 0
                )
                want: dict[bytes, bytes | None] = {
                    prefix + key: value for at, key, value in logs[name, number] if at < until
                }
                want = {
                    key: value
                    for key, value in want.items()
                    if value is not None and key != DELAYS_KEY  # news, and no state
                }
                mine = {
                    key: value
                    for key, value in have.items()
                    if key[:1] == prefix or (not prefix and key[:1] not in LOCAL)
                }
                if mine != want:
                    odd = sum(mine.get(key) != want.get(key) for key in mine.keys() | want.keys())
                    lines.append(
                        f"{worker.name}: {odd} rows of {path.name} differ from {name} up to {until}"
                    )
    return lines


def _odd_growth(records: list[tuple[int, bytes, bytes | None]]) -> int:
    """How many rows hold another total than the one before and what was added."""
    odd, totals = 0, dict[bytes, tuple[float, ...]]()
    for _at, key, value in records:
        if value is None:
            totals.pop(key, None)
        elif key[:1] == COUNTS_PREFIX:
            rows = decode_counts([value])
            total, added = rows.totals[0].tolist(), rows.added[0].tolist()
            known = totals.get(key, (0.0,) * 5)
            odd += any(abs(t - k - a) > 1e-6 for t, k, a in zip(total, known, added, strict=True))
            totals[key] = tuple(total)
    return odd


def committed_records(bootstrap: str, topic: str, partitions: list[int]) -> Iterator[Message]:
    """Every committed record of these partitions, to the end of the log as it is now.

    The end is that of the uncommitted log: right after a commit, its markers may still be on their
    way to the partitions.
    """
    common = {
        "bootstrap.servers": bootstrap,
        "group.id": "unused",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 20,
        "log_level": 0,
    }
    meter = Consumer({**common, "isolation.level": "read_uncommitted"})
    ends = {}
    for number in partitions:
        low, high = meter.get_watermark_offsets(
            TopicPartition(topic, number), timeout=CALL_TIMEOUT_S
        )
        if low < high:
            ends[number] = high
    meter.close()
    reader = Consumer(
        {**common, "isolation.level": "read_committed", "auto.offset.reset": "earliest"}
    )
    reader.assign([TopicPartition(topic, number, 0) for number in ends])
    while ends:
        for record in reader.consume(10_000, 0.1):
            if record.error() is None:
                yield record
        for position in reader.position([TopicPartition(topic, number) for number in ends]):
            if position.offset >= ends[position.partition]:
                del ends[position.partition]
    reader.close()


def _rows(path: str) -> dict[bytes, bytes]:
    database = Rdict(path, Options(raw_mode=True))
    rows = dict(database.items())
    database.close()
    return rows
