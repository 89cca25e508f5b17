"""Transaction: the one Kafka transaction that makes a flush durable, and a written answer to each
way it can fail.

    answer         raised when                                what the store does
    CommitFenced   the group no longer accepts our            forgets the memory, waits for the next
                   generation or member                       rebalance
    CommitAborted  aborted for another reason; the log        forgets the memory, restores in place
                   stands where it stood
    FatalCommit    another worker took our name, a fatal      ends the process; the next one ends an
                   error, a right that is missing, an abort   open transaction at its start and
                   that failed, a result that stayed unknown  restores what the log says

A commit that timed out is asked again: librdkafka then answers with its outcome (librdkafka,
rd_kafka_commit_transaction).

After an undone flush the producer is replaced. One whose records were not delivered keeps its
sequence numbers: the next transaction fails by them, and the one after that can wait for ever (seen
with librdkafka 2.x and a broker that was away for more than TRANSACTION_TIMEOUT_S; also
karafka/waterdrop issue 501).
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from streams.contract.topics import LARGEST_EVENT_BYTES
from streams.kafka.group_metadata import Owner as Owner
from streams.kafka.group_metadata import group_metadata as group_metadata
from streams.kafka.rights import denied, named

# a new owner may wait this long for a worker killed inside a transaction; a flush takes
# milliseconds
TRANSACTION_TIMEOUT_S = 10.0
CALL_TIMEOUT_S = 5.0  # one call; retried until DEADLINE_S
# a broker may be away this long before a flush gives up; nothing is read meanwhile
DEADLINE_S = 600.0

BY_KEY = -1

# What the group coordinator answers a worker that has lost its place.
_LOST = {
    "ILLEGAL_GENERATION",
    "UNKNOWN_MEMBER_ID",
    "REBALANCE_IN_PROGRESS",
    "FENCED_MEMBER_EPOCH",
    "STALE_MEMBER_EPOCH",
}
_FENCED = {"_FENCED", "PRODUCER_FENCED", "INVALID_PRODUCER_EPOCH", "FENCED_INSTANCE_ID"}


class CommitFenced(Exception):
    """The generation is over: nothing was changed."""


class CommitAborted(Exception):
    """Aborted: nothing was changed, the worker still owns its partitions."""


class FatalCommit(Exception):
    """Only a new process can go on."""


class Rows(NamedTuple):
    """Records of one partition, in order."""

    topic: str
    partition: int  # BY_KEY: the producer's partitioner decides
    rows: Sequence[tuple[bytes | None, bytes | None]]  # key, value


def check_group_metadata(client: Mapping[str, Any], group: str) -> None:
    """Refuse to run on a librdkafka that writes the group's metadata in another way.

    Raises
    ------
    FatalCommit
        If a consumer that has not joined yet describes itself otherwise than `group_metadata`
        would.
    """
    consumer = Consumer({**client, "group.id": group})
    theirs = consumer.consumer_group_metadata()
    consumer.close()
    ours = group_metadata(Owner(group, -1, ""))
    if theirs != ours:
        msg = (
            f"this librdkafka writes consumer-group metadata as {theirs!r}, expected {ours!r}: "
            "flushes could not be fenced; "
            "install a confluent-kafka that this release was tested with (2.8 to 2.16)"
        )
        raise FatalCommit(msg)


class Transactions:
    """One transactional producer per worker; `transactional_id` is stable, so a restart ends its
    own open transaction at once.
    """

    def __init__(self, client: Mapping[str, Any], transactional_id: str) -> None:
        self.transactional_id = transactional_id
        self._client = {
            **client,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(TRANSACTION_TIMEOUT_S * 1000),
            "linger.ms": 5,
            "message.max.bytes": LARGEST_EVENT_BYTES,
            "queue.buffering.max.messages": 1_000_000,
            "queue.buffering.max.kbytes": 512 * 1024,
        }
        self._producer: Producer | None = None
        self._spoilt = False  # by an undone flush

    def start(self) -> None:
        """Take the name: fences a predecessor and ends its open transaction."""
        producer = Producer(self._client)
        deadline = time.monotonic() + DEADLINE_S
        while True:
            try:
                producer.init_transactions(CALL_TIMEOUT_S)
                break
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if not error.retriable() or time.monotonic() > deadline:
                    error = named(error, f"transactional id {self.transactional_id}")
                    msg = (
                        f"could not take the transactional id {self.transactional_id}: "
                        f"{error.str()}"
                    )
                    raise FatalCommit(msg) from None
        self._producer, self._spoilt = producer, False

    def commit(
        self, changes: Iterable[Rows], offsets: Mapping[tuple[str, int], int], owner: Owner
    ) -> dict[tuple[str, int], int]:
        """Steps 1 to 4 of a flush; returns the last offset written per (topic, partition).

        Raises
        ------
        CommitFenced, CommitAborted, FatalCommit
            As in the table of this module.
        """
        if self._spoilt:
            self.start()
        if (producer := self._producer) is None:
            msg = "the transactional producer was not started"
            raise FatalCommit(msg)
        reached: dict[tuple[str, int], int] = {}
        failed: list[KafkaError] = []

        def delivered(error: KafkaError | None, message: Any) -> None:
            if error is not None:
                failed.append(named(error, f"topic {message.topic()} (Write)"))
            else:
                reached[message.topic(), message.partition()] = message.offset()

        try:
            producer.begin_transaction()  # 1
            written = _produce(producer, changes, delivered)  # 2
            # subtle: all rows must be in the log before 3, or a new owner could measure the log's
            # end without them
            if producer.flush(DEADLINE_S) > 0 or failed:
                reason = _reason(producer, failed, owner)
                if denied(reason):
                    refused = named(reason, f"topic {' or '.join(written)} (Write)")
                    raise FatalCommit(refused.str())
                msg = f"records of the flush were not delivered: {reason.str()}"
                self._abort(producer, msg)
                self._spoilt = True
                raise CommitAborted(msg)
            positions = [
                TopicPartition(topic, partition, offset)
                for (topic, partition), offset in offsets.items()
            ]
            # 3
            _patiently(
                lambda: producer.send_offsets_to_transaction(
                    positions, group_metadata(owner), CALL_TIMEOUT_S
                )
            )
            _patiently(lambda: producer.commit_transaction(CALL_TIMEOUT_S))  # 4
        except (KafkaException, SystemError) as failure:
            self._answer(producer, _error_of(failure, producer, owner), owner)
        return reached

    def _answer(self, producer: Producer, error: KafkaError, owner: Owner) -> None:
        name = error.name()
        if denied(error):  # does not pass by itself
            of_group = error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED
            own = f"transactional id {self.transactional_id} (Write)"
            raise FatalCommit(
                named(error, f"group {owner.group} (Read)" if of_group else own).str()
            )
        if error.fatal() or name in _FENCED:
            msg = (
                f"the transactional id {self.transactional_id} was taken over or failed for good: "
                f"{error.str()}"
            )
            raise FatalCommit(msg)
        if name in _LOST:
            self._abort(producer, error.str())
            raise CommitFenced(error.str())
        if error.txn_requires_abort():
            self._abort(producer, error.str())
            self._spoilt = True
            raise CommitAborted(error.str())
        msg = f"the result of a flush is unknown: {error.str()}"
        raise FatalCommit(msg)

    def _abort(self, producer: Producer, why: str) -> None:
        try:
            producer.purge(in_queue=True, in_flight=False)
            _patiently(lambda: producer.abort_transaction(CALL_TIMEOUT_S))
        except KafkaException as failure:
            msg = f"{why}; and the transaction could not be aborted: {failure.args[0].str()}"
            raise FatalCommit(msg) from None


def _reason(producer: Producer, failed: Sequence[KafkaError], owner: Owner) -> KafkaError:
    """Why records failed: by the next step, since they may say no more than that they were purged;
    what it sends is undone with the rest.
    """
    if not failed:
        return KafkaError(KafkaError._TIMED_OUT, f"not written within {DEADLINE_S:g} s")
    nothing = [TopicPartition(owner.group, 0, 0)]
    try:
        producer.send_offsets_to_transaction(nothing, group_metadata(owner), CALL_TIMEOUT_S)
    except KafkaException as failure:
        reason: KafkaError = failure.args[0]
        return reason
    return failed[0]


def _error_of(failure: BaseException, producer: Producer, owner: Owner) -> KafkaError:
    """The error of a call.

    subtle: confluent-kafka raises a fatal error out of the delivery callback that just runs: it
    is the cause of a SystemError, or lost, and then the next call has it.
    """
    cause: BaseException | None = failure
    while cause is not None and not isinstance(cause, KafkaException):
        cause = cause.__cause__
    if cause is None:
        return _reason(producer, [KafkaError(KafkaError._FAIL, str(failure))], owner)
    error: KafkaError = cause.args[0]
    return error


def _produce(producer: Producer, changes: Iterable[Rows], delivered: Any) -> list[str]:
    """Queue the records; of each partition's only the last reports its offset, since a partition
    keeps the order. Returns the topics that got some.
    """
    written: dict[str, None] = {}
    for topic, partition, rows in changes:
        last = len(rows) - 1
        for number, (key, value) in enumerate(rows):
            report = delivered if number == last else None
            try:
                producer.produce(topic, value, key, partition, report)
            except BufferError:
                _when_there_is_room(producer, topic, value, key, partition, report)
        if rows:
            written[topic] = None
    return list(written)


def _when_there_is_room(producer: Producer, *record: Any) -> None:
    """Queue a record that found the queue full: the broker catches up."""
    while True:
        producer.poll(0.05)
        try:
            producer.produce(*record)
            return
        except BufferError:
            continue


def _patiently(call: Any) -> None:
    """Repeat a call whose error is one that passes by itself, up to DEADLINE_S."""
    deadline = time.monotonic() + DEADLINE_S
    while True:
        try:
            call()
            return
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if not error.retriable() or error.txn_requires_abort() or time.monotonic() > deadline:
                raise
