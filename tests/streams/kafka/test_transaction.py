"""Transactions on the embedded broker: all or nothing, and a written answer to each failure.
tests/kafka has those that need fencing.
"""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.kafka import patience as patience_module
from streams.kafka import transaction as transaction_module
from streams.kafka.patience import Patience
from streams.kafka.transaction import (
    BY_KEY,
    CommitAborted,
    CommitFenced,
    FatalCommit,
    Owner,
    Rows,
    Transactions,
    check_group_metadata,
    group_metadata,
)
from tests.streams.topics_on import make_topic, read_all

OWNER = Owner("group", 3, "member")


def test_group_metadata_is_what_this_librdkafka_writes_itself() -> None:
    check_group_metadata({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "some group")
    assert group_metadata(OWNER) == b"CGMDv2:\x03\x00\x00\x00group\x00member\x00\x01"


def test_a_librdkafka_that_writes_it_otherwise_is_refused_at_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transaction_module, "group_metadata", lambda _owner: b"CGMDv3:")
    with pytest.raises(FatalCommit, match="expected b'CGMDv3:': flushes could not be fenced"):
        check_group_metadata({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, "g")


def test_a_producer_that_was_not_started_cannot_commit() -> None:
    with pytest.raises(FatalCommit, match="was not started"):
        Transactions({"bootstrap.servers": "127.0.0.1:1"}, "id").commit([], {}, OWNER)


@pytest.mark.local
def test_a_commit_writes_records_and_offsets_and_tells_how_far_each_partition_got(
    local_broker: str,
) -> None:
    client = {"bootstrap.servers": local_broker}
    source, log = make_topic(local_broker, "source"), make_topic(local_broker, "log", 2)
    owner = Owner(f"g-{uuid.uuid4().hex}", -1, "")
    transactions = Transactions(client, f"t-{uuid.uuid4().hex}")
    transactions.start()
    records = [
        Rows(log, 0, [(b"a", b"1")]),
        Rows(log, 1, [(b"b", b"2")]),
        Rows(log, 0, [(b"a", None)]),
        Rows(log, BY_KEY, [(b"k", b"3")]),
    ]
    reached = transactions.commit(records, {(source, 0): 5}, owner)
    assert reached[log, 0] in {1, 2}  # the record by key is on one of the two
    assert sum(reached.values()) == 2
    assert [(record.key(), record.value()) for record in read_all(local_broker, log, 2)][:2] == [
        (b"a", b"1"),
        (b"a", None),
    ]
    consumer = Consumer({**client, "group.id": owner.group})
    (place,) = consumer.committed([TopicPartition(source, 0)], timeout=20)
    consumer.close()
    assert place.offset == 5
    again = transactions.commit([Rows(log, 0, [(b"c", b"4")])], {(source, 0): 6}, owner)
    assert again[log, 0] > reached[log, 0]


class Scripted:
    """A producer whose steps fail as scripted; `calls` is what was asked of it."""

    def __init__(self, **failures: Any) -> None:
        self.failures = {name: list(each) for name, each in failures.items()}
        self.calls: list[str] = []
        self.left = 0

    def __len__(self) -> int:
        return self.left

    def __getattr__(self, name: str) -> Any:
        def call(*_args: Any, **_options: Any) -> int:
            self.calls.append(name)
            waiting = self.failures.get(name)
            if waiting:
                failure = waiting.pop(0)
                if failure is not None:
                    raise failure
            return self.left if name == "flush" else 0

        return call


def error(code: int, **flags: bool) -> KafkaException:
    return KafkaException(KafkaError(code, "scripted", **flags))


def commit(producer: Scripted) -> dict[tuple[str, int], int]:
    transactions = Transactions({}, "id")
    scripted: Any = producer
    transactions._producer = scripted
    return transactions.commit([Rows("log", 0, [(b"k", b"v")])], {("source", 0): 1}, OWNER)


def test_the_steps_come_in_their_order_and_rows_are_in_the_log_before_the_offsets() -> None:
    producer = Scripted()
    commit(producer)
    assert producer.calls == [
        "begin_transaction",
        "produce",
        "flush",
        "send_offsets_to_transaction",
        "commit_transaction",
    ]


@pytest.mark.parametrize(
    "code",
    [KafkaError.ILLEGAL_GENERATION, KafkaError.UNKNOWN_MEMBER_ID, KafkaError.REBALANCE_IN_PROGRESS],
)
def test_a_generation_that_is_over_is_refused_after_an_abort(code: int) -> None:
    producer = Scripted(send_offsets_to_transaction=[error(code, txn_requires_abort=True)])
    with pytest.raises(CommitFenced):
        commit(producer)
    assert producer.calls[-2:] == ["purge", "abort_transaction"]


def test_an_error_that_asks_for_an_abort_is_undone() -> None:
    producer = Scripted(
        commit_transaction=[error(KafkaError.INVALID_TXN_STATE, txn_requires_abort=True)]
    )
    with pytest.raises(CommitAborted):
        commit(producer)
    assert "abort_transaction" in producer.calls


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A step may go without progress for a moment only."""
    for module in (transaction_module, patience_module):
        monkeypatch.setattr(module, "Patience", lambda what, *_limit: Patience(what, -1.0))


@pytest.mark.usefixtures("impatient")
def test_records_that_are_not_delivered_are_undone_before_any_offset_is_added() -> None:
    producer = Scripted()
    producer.left = 1
    with pytest.raises(CommitAborted, match="no record written for 30 s"):
        commit(producer)
    assert "send_offsets_to_transaction" not in producer.calls


class Undelivered(Scripted):
    """A producer whose records fail with `code`."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code

    def produce(self, topic: str, _value: Any, _key: Any, _partition: int, report: Any) -> None:
        report(KafkaError(self.code), SimpleNamespace(topic=lambda: topic))


@pytest.mark.parametrize(
    ("code", "asked"), [(KafkaError._MSG_TIMED_OUT, False), (KafkaError._PURGE_QUEUE, True)]
)
def test_only_records_that_were_purged_are_asked_after(code: int, asked: bool) -> None:
    """Behind records that timed out librdkafka may wait for ever."""
    producer = Undelivered(code)
    with pytest.raises(CommitAborted, match="were not delivered"):
        commit(producer)
    assert ("send_offsets_to_transaction" in producer.calls) == asked
    assert producer.calls[-2:] == ["purge", "abort_transaction"]


@pytest.mark.usefixtures("impatient")
def test_offsets_that_get_no_answer_are_undone_and_a_commit_without_one_ends_the_process() -> None:
    silence = [error(KafkaError._TIMED_OUT, retriable=True) for _ in range(1000)]
    producer = Scripted(send_offsets_to_transaction=silence)
    with pytest.raises(CommitAborted):
        commit(producer)
    assert producer.calls[-1] == "abort_transaction"
    with pytest.raises(FatalCommit, match="the result of a flush is unknown"):
        commit(Scripted(commit_transaction=silence))


@pytest.mark.usefixtures("impatient")
def test_a_full_queue_that_does_not_move_is_undone() -> None:
    producer = Scripted(produce=[BufferError() for _ in range(100_000)])
    producer.left = 7
    with pytest.raises(CommitAborted, match="no room"):
        commit(producer)


@pytest.mark.usefixtures("impatient")
def test_the_flush_after_an_undone_one_has_a_new_producer(monkeypatch: pytest.MonkeyPatch) -> None:
    spoilt, fresh = Scripted(), Scripted()
    spoilt.left = 1
    monkeypatch.setattr(transaction_module, "Producer", lambda _client: fresh)
    transactions = Transactions({}, "id")
    scripted: Any = spoilt
    transactions._producer = scripted
    with pytest.raises(CommitAborted):
        transactions.commit([], {}, OWNER)
    before = list(spoilt.calls)
    transactions.commit([], {}, OWNER)
    transactions.commit([], {}, OWNER)
    assert spoilt.calls == before
    assert fresh.calls.count("init_transactions") == 1
    assert fresh.calls.count("commit_transaction") == 2


def test_an_error_that_passes_is_tried_again() -> None:
    producer = Scripted(commit_transaction=[error(KafkaError._TIMED_OUT, retriable=True), None])
    commit(producer)
    assert producer.calls.count("commit_transaction") == 2


@pytest.mark.parametrize(
    ("failure", "said"),
    [
        (error(KafkaError._FENCED, fatal=True), "taken over or failed for good"),
        (error(KafkaError.PRODUCER_FENCED), "taken over or failed for good"),
        (error(KafkaError.UNKNOWN), "the result of a flush is unknown"),
    ],
)
def test_only_a_new_process_can_go_on_after_fencing_or_an_unknown_result(
    failure: KafkaException, said: str
) -> None:
    producer = Scripted(commit_transaction=[failure])
    with pytest.raises(FatalCommit, match=said):
        commit(producer)
    assert "abort_transaction" not in producer.calls


def test_an_abort_that_fails_ends_the_process() -> None:
    producer = Scripted(
        commit_transaction=[error(KafkaError.INVALID_TXN_STATE, txn_requires_abort=True)],
        abort_transaction=[error(KafkaError.UNKNOWN)],
    )
    with pytest.raises(FatalCommit, match="could not be aborted"):
        commit(producer)
