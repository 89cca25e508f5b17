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

A call that timed out is asked again: librdkafka then answers with its outcome (librdkafka,
rd_kafka_commit_transaction). A step that makes no progress for `patience.NO_PROGRESS_S` is given
up: before the commit was asked for the transaction is aborted, after it the process ends.

After an undone flush the producer is replaced. One whose records were not delivered keeps its
sequence numbers: the next transaction fails by them, and the one after that can wait for ever (seen
with librdkafka 2.x and a broker that was away for more than the transaction's timeout; also
karafka/waterdrop issue 501).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from streams.contract.topics import LARGEST_EVENT_BYTES
from streams.kafka.group_metadata import Owner as Owner
from streams.kafka.group_metadata import group_metadata as group_metadata
from streams.kafka.patience import NO_PROGRESS_S, Patience, patiently
from streams.kafka.rights import denied, named

CALL_TIMEOUT_S = 5.0  # one call; retried while there is patience
LOOK_S = 0.5  # between looks at how many records are under way
START_S = 120.0  # a transaction that is being decided may keep a new owner of its name waiting

BY_KEY = -1

# What the group coordinator answers a worker that has lost its place.
_LOST = {
    "ILLEGAL_GENERATION",
    "UNKNOWN_MEMBER_ID",
    "REBALANCE_IN_PROGRESS",
    "FENCED_MEMBER_EPOCH",
    "STALE_MEMBER_EPOCH",
}
_SAYS_NOTHING = {KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._FAIL}
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
    own open transaction at once. Others wait for a killed worker's until `timeout_s` is over.
    """

    def __init__(
        self, client: Mapping[str, Any], transactional_id: str, timeout_s: float = 60.0
    ) -> None:
        self.transactional_id = transactional_id
        self._client = {
            **client,
            "transactional.id": transactional_id,
            "transaction.timeout.ms": int(timeout_s * 1000),
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
        patience = Patience(f"taking the transactional id {self.transactional_id}", START_S)
        while True:
            try:
                producer.init_transactions(CALL_TIMEOUT_S)
                break
            except KafkaException as failure:
                error: KafkaError = failure.args[0]
                if not error.retriable() or patience.over(error.str()):
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
        asked = False  # to commit

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
            if not _written(producer, failed):
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
            patiently(
                "offsets of a flush",
                lambda: producer.send_offsets_to_transaction(
                    positions, group_metadata(owner), CALL_TIMEOUT_S
                ),
            )
            asked = True
            patiently("commit of a flush", lambda: producer.commit_transaction(CALL_TIMEOUT_S))  # 4
        except (KafkaException, SystemError) as failure:
            self._answer(producer, _error_of(failure, producer, owner), owner, asked)
        return reached

    def _answer(self, producer: Producer, error: KafkaError, owner: Owner, asked: bool) -> None:
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
        if error.txn_requires_abort() or not asked:
            self._abort(producer, error.str())
            self._spoilt = True
            raise CommitAborted(error.str())
        msg = f"the result of a flush is unknown: {error.str()}"
        raise FatalCommit(msg)

    def _abort(self, producer: Producer, why: str) -> None:
        try:
            producer.purge(in_queue=True, in_flight=False)
            patiently("abort of a flush", lambda: producer.abort_transaction(CALL_TIMEOUT_S))
        except KafkaException as failure:
            msg = f"{why}; and the transaction could not be aborted: {failure.args[0].str()}"
            raise FatalCommit(msg) from None


def _reason(producer: Producer, failed: Sequence[KafkaError], owner: Owner) -> KafkaError:
    """Why records failed: by the next step, undone with the rest, where they say no more than that
    they were purged. Behind records that timed out librdkafka may wait there for ever (seen: 2.16).
    """
    if not failed:
        return KafkaError(KafkaError._TIMED_OUT, f"no record written for {NO_PROGRESS_S:g} s")
    if failed[0].code() not in _SAYS_NOTHING:
        return failed[0]
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
    patience, under_way = Patience("room for the rows of a flush"), len(producer)
    while True:
        producer.poll(0.05)
        try:
            producer.produce(*record)
            return
        except BufferError:
            if len(producer) < under_way:
                under_way = len(producer)
                patience.moved()
            elif patience.over():
                reason = KafkaError(KafkaError._TIMED_OUT, f"no room for {NO_PROGRESS_S:g} s")
                raise KafkaException(reason) from None


def _written(producer: Producer, failed: Sequence[KafkaError]) -> bool:
    """Wait until the log has all records; False if it does not take them."""
    patience, under_way = Patience("rows of a flush"), len(producer)
    while (left := producer.flush(LOOK_S)) > 0 and not failed:
        if left < under_way:
            under_way = left
            patience.moved()
        elif patience.over(f"{left} records under way"):
            return False
    return not failed
