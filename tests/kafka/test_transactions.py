"""Each way a flush can fail, against a real broker: CommitFenced, CommitAborted, FatalCommit; and
what the watchdog says of a transaction left open.
"""

from __future__ import annotations

import pathlib
import struct
import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from streams.contract.count_rows import CountRow, encode_count, encode_count_key
from streams.counting.restore import Changelogs, Stuck, restore
from streams.counting.rocksdb import Disk
from streams.kafka.admin import topic_ids
from streams.kafka.transaction import (
    CommitAborted,
    CommitFenced,
    FatalCommit,
    Owner,
    Rows,
    Transactions,
    check_group_metadata,
)
from tests.kafka.audit import committed_records
from tests.kafka.fleet import CALL_TIMEOUT_S, wait_for

pytestmark = pytest.mark.kafka


class Place:
    """Topics and a group member of one test."""

    def __init__(self, bootstrap: str) -> None:
        self.name = f"transactions-{time.time_ns()}"
        self.client = {"bootstrap.servers": bootstrap}
        self.bootstrap = bootstrap
        self.log, self.slates, self.source = (
            f"{self.name}-log",
            f"{self.name}-slates",
            f"{self.name}-source",
        )
        admin = AdminClient({**self.client, "log_level": 0})
        new = [NewTopic(name, 1, 1) for name in (self.log, self.slates, self.source)]
        for future in admin.create_topics(new).values():
            future.result(CALL_TIMEOUT_S)
        self.consumer = Consumer(
            {**self.client, "group.id": self.name, "session.timeout.ms": 6000, "log_level": 0}
        )
        self.consumer.subscribe([self.source])
        wait_for(
            "the consumer to join",
            lambda: self.consumer.poll(0.1) is None and self.consumer.assignment() != [],
            every_s=0,
        )

    @property
    def owner(self) -> Owner:
        """The member as it is now."""
        metadata = self.consumer.consumer_group_metadata()
        (generation,) = struct.unpack_from("<i", metadata, len("CGMDv2:"))
        group, member, _rest = metadata[len("CGMDv2:") + 4 :].split(b"\0", 2)
        return Owner(group.decode(), generation, member.decode())

    def flush(
        self, transactions: Transactions, value: bytes, owner: Owner, partition: int = 0
    ) -> dict[tuple[str, int], int]:
        """One flush of one row."""
        return transactions.commit(
            [Rows(self.log, partition, [(b"row", value)])], {(self.source, 0): 1}, owner
        )

    def values(self) -> list[bytes | None]:
        """What readers of committed records see."""
        return [record.value() for record in committed_records(self.bootstrap, self.log, [0])]


@pytest.fixture
def place(kafka: str) -> Iterator[Place]:
    made = Place(kafka)
    yield made
    made.consumer.close()


def started(place: Place, name: str = "w") -> Transactions:
    transactions = Transactions(place.client, f"{place.name}-{name}")
    transactions.start()
    return transactions


def test_owner_of_this_generation_commits(place: Place) -> None:
    check_group_metadata(place.client, place.name)
    assert place.flush(started(place), b"1", place.owner) == {(place.log, 0): 0}
    assert place.values() == [b"1"]


def test_old_generation_and_foreign_member_are_refused_and_change_nothing(place: Place) -> None:
    transactions, owner = started(place), place.owner
    with pytest.raises(CommitFenced):
        place.flush(transactions, b"old", owner._replace(generation=owner.generation - 1))
    with pytest.raises(CommitFenced):
        place.flush(transactions, b"foreign", owner._replace(member="somebody"))
    assert place.values() == []
    place.flush(transactions, b"after", owner)  # the producer is still good
    assert place.values() == [b"after"]


def test_rows_that_the_log_does_not_take_undo_the_flush_and_the_next_one_works(
    place: Place,
) -> None:
    transactions = started(place)
    with pytest.raises(CommitAborted, match="not delivered"):
        place.flush(transactions, b"x" * 2_000_000, place.owner)  # the topic takes 1 MiB
    assert place.values() == []
    place.flush(transactions, b"after", place.owner)
    assert place.values() == [b"after"]


def test_name_taken_by_another_worker_ends_this_one_and_changes_nothing(place: Place) -> None:
    first = started(place)
    place.flush(first, b"1", place.owner)
    second = started(place)
    with pytest.raises(FatalCommit, match="taken over or failed for good"):
        place.flush(first, b"2", place.owner)
    place.flush(second, b"3", place.owner)
    assert place.values() == [b"1", b"3"]


def changelogs(place: Place) -> Changelogs:
    return Changelogs(place.log, place.slates, topic_ids(place.client, (place.log, place.slates)))


def row(count: int) -> tuple[bytes, bytes]:
    made = CountRow()
    made.impressions = float(count)
    return encode_count_key("s", f"i{count}"), encode_count(made)


def foreign_transaction(place: Place) -> Producer:
    producer = Producer(
        {
            **place.client,
            "transactional.id": f"{place.name}-foreign",
            "transaction.timeout.ms": 600_000,
            "log_level": 0,
        }
    )
    producer.init_transactions(CALL_TIMEOUT_S)
    producer.begin_transaction()
    key, value = row(1)
    producer.produce(place.log, value, key, 0)
    assert producer.flush(CALL_TIMEOUT_S) == 0
    return producer


def test_transaction_left_open_makes_recovery_say_that_it_is_stuck(
    place: Place, tmp_path: pathlib.Path
) -> None:
    producer = foreign_transaction(place)
    disk = Disk(tmp_path / "partition-0")
    with pytest.raises(
        Stuck,
        match=r"no progress for 2 s restoring .*-log\[0\] at 0 of 1: .* transaction left open",
    ):
        restore(place.client, changelogs(place), {0: disk}, 2.0, lambda: False)
    producer.abort_transaction(CALL_TIMEOUT_S)
    disk.close()


@pytest.mark.parametrize("commit", [True, False], ids=["committed", "aborted"])
def test_recovery_waits_for_an_open_transaction_to_be_decided(
    place: Place, tmp_path: pathlib.Path, commit: bool
) -> None:
    producer = foreign_transaction(place)
    disk = Disk(tmp_path / "partition-0")
    began = time.monotonic()
    decided: list[float] = []

    def decide_after_a_second() -> bool:
        if not decided and time.monotonic() - began > 1.0:
            (producer.commit_transaction if commit else producer.abort_transaction)(CALL_TIMEOUT_S)
            decided.append(time.monotonic())
        return False

    restore(place.client, changelogs(place), {0: disk}, 30.0, decide_after_a_second)
    assert decided
    key, value = row(1)
    assert disk.get(key) == (value if commit else None)
    disk.close()


def test_a_predecessor_hears_that_its_name_was_taken_at_whatever_step(kafka: str) -> None:
    """The refusal comes while records are being delivered, or later."""
    topic = f"taken-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": kafka, "log_level": 0})
    admin.create_topics([NewTopic(topic, 4, 1)])[topic].result(20)
    client = {"bootstrap.servers": kafka, "log_level": 0}
    rows = [Rows(topic, number, [(b"k", b"v")] * 10) for number in range(4)]
    for _ in range(6):
        first, second = Transactions(client, topic), Transactions(client, topic)
        first.start()
        second.start()
        with pytest.raises(FatalCommit, match="was taken over"):
            first.commit(rows, {(topic, 0): 1}, Owner("g", 1, "m"))
