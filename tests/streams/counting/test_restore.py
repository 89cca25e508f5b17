"""Restore: the disk holds what the log holds, from wherever it stood; what does not fit is wiped
and read again.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from streams.contract.count_rows import CountRow, encode_count, encode_count_key
from streams.counting.restore import Changelogs, Stopped, Stuck, restore
from streams.counting.rocksdb import Disk
from streams.counting.rows import SlateRow, encode_slate
from streams.kafka.admin import topic_ids
from streams.kafka.transaction import BY_KEY, Owner, Rows, Transactions
from tests.streams.topics_on import make_topic, produce

pytestmark = pytest.mark.local


def count(impressions: float) -> bytes:
    row = CountRow()
    row.impressions = impressions
    return encode_count(row)


KEY = encode_count_key("x", "a")
SLATE = encode_slate(SlateRow(60.0))


class Log:
    """Two changelogs with two partitions each, and disks that are restored from them."""

    def __init__(self, bootstrap: str, tmp_path: Path) -> None:
        self.client = {"bootstrap.servers": bootstrap}
        self.bootstrap = bootstrap
        self.counts, self.slates = (
            make_topic(bootstrap, "counts", 2),
            make_topic(bootstrap, "slates", 2),
        )
        identity = topic_ids(self.client, [self.counts, self.slates])
        self.changelogs = Changelogs(self.counts, self.slates, identity)
        self.disks = {number: Disk(tmp_path / f"p{number}") for number in (0, 1)}
        self.read = 0

    def write(self, topic: str, records: Iterable[tuple[int, bytes | None, bytes | None]]) -> None:
        produce(self.bootstrap, topic, records)

    def restore(self, timeout_s: float = 20.0, stop: bool = False) -> list[str]:
        self.read = 0

        def progress(records: int) -> None:
            self.read += records

        return restore(self.client, self.changelogs, self.disks, timeout_s, lambda: stop, progress)


@pytest.fixture
def log(local_broker: str, tmp_path: Path) -> Log:
    return Log(local_broker, tmp_path)


def test_the_identity_of_a_topic_that_the_broker_does_not_know_yet_is_waited_for(log: Log) -> None:
    """Its name, or nothing, in its place would make it another topic, which is read again from its
    start.
    """
    name = f"late-{uuid.uuid4().hex}"
    with ThreadPoolExecutor(1) as thread:
        asked = thread.submit(topic_ids, log.client, [name, log.counts])
        time.sleep(0.5)
        assert not asked.done()
        admin = AdminClient(log.client)  # kept until the answer is there
        admin.create_topics([NewTopic(name, 1, 1)])[name].result(20)
        found = asked.result(20)
    assert found == topic_ids(log.client, [name, log.counts])
    assert len({*found, *found.values()}) == 4


def test_a_topic_without_identity_is_an_error(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.counting.restore.CALL_TIMEOUT_S", 0.3)
    with pytest.raises(KafkaException, match="UNKNOWN_TOPIC"):
        topic_ids(log.client, ["nowhere"])


def test_empty_changelogs_are_restored_at_once(log: Log) -> None:
    assert log.restore() == []
    assert [log.disks[number].offset(log.changelogs.identity[log.counts]) for number in (0, 1)] == [
        0,
        0,
    ]


def test_each_disk_gets_the_last_value_of_its_partition(log: Log) -> None:
    log.write(log.counts, [(0, KEY, count(1)), (1, KEY, count(50)), (0, KEY, count(2))])
    log.write(log.slates, [(0, b"s", SLATE), (1, b"gone", SLATE), (1, b"gone", None)])
    assert log.restore() == []
    assert log.read == 6
    assert [log.disks[number].get(KEY) for number in (0, 1)] == [count(2), count(50)]
    assert log.disks[0].get(b"Ss") == SLATE
    assert [names for _key, names in log.disks[0].expired(100.0, 10)] == [["s"]]
    assert log.disks[1].get(b"Sgone") is None


def test_a_second_restore_reads_only_what_is_new(log: Log) -> None:
    log.write(log.counts, [(0, KEY, count(number)) for number in range(50)])
    log.restore()
    assert log.restore() == []
    assert log.read == 0
    log.write(log.counts, [(0, KEY, count(77))])
    log.restore()
    assert log.read == 1
    assert log.disks[0].get(KEY) == count(77)


def test_rows_of_a_transaction_are_read_with_its_marker_passed(log: Log) -> None:
    transactions = Transactions(log.client, f"t-{uuid.uuid4().hex}")
    transactions.start()
    owner = Owner(f"g-{uuid.uuid4().hex}", -1, "")
    transactions.commit(
        [Rows(log.counts, 0, [(KEY, count(9))]), Rows(log.slates, BY_KEY, [(b"s", SLATE)])],
        {},
        owner,
    )
    assert log.restore() == []
    assert log.disks[0].get(KEY) == count(9)


@pytest.mark.parametrize("offset", [999, -1])
def test_a_disk_that_is_ahead_of_the_log_or_of_another_log_is_wiped_and_read_again(
    log: Log, offset: int
) -> None:
    log.write(log.counts, [(0, KEY, count(3))])
    batch = log.disks[0].batch()
    batch.put_count(encode_count_key("x", "stale"), count(1))
    identity = (
        log.changelogs.identity if offset == 999 else {log.counts: "another", log.slates: "topic"}
    )
    for name in log.changelogs.names():
        batch.put_offset(identity[name], offset)
    batch.write()
    (note,) = log.restore()
    assert note.startswith("partition 0: local rows dropped and read again")
    assert log.disks[0].get(encode_count_key("x", "stale")) is None
    assert log.disks[0].get(KEY) == count(3)


def test_a_restore_that_nobody_wants_any_more_stops(log: Log) -> None:
    log.write(log.counts, [(0, KEY, count(3))])
    with pytest.raises(Stopped):
        log.restore(stop=True)


def test_no_progress_is_stuck_and_says_where(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end lies beyond what can ever be read, as with a transaction that is left open."""
    log.write(log.counts, [(0, KEY, count(3))])
    monkeypatch.setattr(
        "streams.counting.restore.measure_range",
        lambda _meter, name, number: (0, 5 if (name, number) == (log.counts, 0) else 0),
    )
    with pytest.raises(
        Stuck, match=rf"no progress for 0.5 s restoring {log.counts}\[0\] at 1 of 5"
    ):
        log.restore(timeout_s=0.5)
