"""The batch side's way to Kafka: read a topic from its beginning to its end, and write many records
in one transaction.

Brokers come as a confluent-kafka configuration and topics as an object with names, so that nothing
here knows the streaming side.
"""

import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

DEFAULT_GROUP = "slatestream"  # of a client that brings none
SILENCE_S = 30.0  # without a record, an end of partition or an answer from the broker
BATCH = 2_000
# The longest a broker keeps an open transaction whose producer is gone; readers of item-embeddings
# wait that long at most. Kafka's default limit (transaction.max.timeout.ms) is 15 minutes.
TRANSACTION_TIMEOUT_MS = 120_000
LEADERLESS = (
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
)


REFUSALS = (
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
)


class LogError(RuntimeError):
    """A topic could not be read or written: what was expected, what was found, what to do."""


class Topics(Protocol):
    """Names of the topics that the batch side reads and writes."""

    @property
    def items(self) -> str:
        """Catalogue."""

    @property
    def clicks(self) -> str:
        """Clicks and conversions."""

    @property
    def item_embeddings(self) -> str:
        """Vectors by item."""

    @property
    def encoder_releases(self) -> str:
        """Releases by version."""

    @property
    def encoder_files(self) -> str:
        """The folders of releases, part by part."""


class Record(NamedTuple):
    """One record to write; no value: the key is forgotten."""

    topic: str
    key: str
    value: bytes | None


def read_topic(
    client: Mapping[str, Any], topic: str
) -> Iterator[tuple[bytes | None, bytes | None]]:
    """Every committed record from the beginning to the end as it is now, partition by partition in
    order.

    subtle: "now" is the end of the *uncommitted* log. A commit is answered before its markers are
    in every partition, so what was just written may still be undecided; it is waited for.

    Parameters
    ----------
    client
        Brokers and security, as confluent-kafka takes them.
    topic
        Name of the topic.

    Returns
    -------
    Key and value of each record; a value of None is a tombstone.

    Raises
    ------
    LogError
        The topic does not exist, the broker is silent for `SILENCE_S`, or a transaction stays open
        for so long.

    """
    ends = _ends(client, topic)
    consumer = Consumer(_reading(client, "read_committed"))
    try:
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in ends])
        heard_s = time.monotonic()
        while ends:
            first = consumer.poll(0.2)  # `consume(n, t)` would wait all of t for the last few
            for message in [first, *consumer.consume(BATCH, 0)] if first is not None else []:
                heard_s = time.monotonic()
                error = message.error()
                if error is None:
                    yield message.key(), message.value()
                elif error.code() in REFUSALS:
                    of_topic = error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
                    group = client.get("group.id", DEFAULT_GROUP)
                    raise _refused(error, f"topic {topic}" if of_topic else f"group {group}")
                elif error.code() != KafkaError._PARTITION_EOF:
                    msg = f"topic {topic}: expected records, found {error.str()}"
                    raise LogError(msg)
                elif (message.offset() or 0) >= ends.get(message.partition() or 0, 0):
                    ends.pop(message.partition() or 0, None)
            if time.monotonic() - heard_s > SILENCE_S:
                msg = (
                    f"topic {topic}: expected to reach the offsets {ends} (by partition), heard "
                    f"nothing for {SILENCE_S:g} s; "
                    "is the broker up, and has a producer left a transaction open?"
                )
                raise LogError(msg)
    finally:
        consumer.close()


def write_transaction(client: Mapping[str, Any], name: str, records: Iterable[Record]) -> int:
    """Write records so that readers of committed records see all of them or none.

    1. end what an earlier run of the same name left open; 2. begin; 3. produce; 4. commit, which
       waits until every record
    is acknowledged by all in-sync replicas. On any failure the transaction is aborted.

    Parameters
    ----------
    client
        Brokers and security.
    name
        Of the writer; a second writer of this name ends the first one's transaction.
    records
        What to write, in order per key.

    Returns
    -------
    Number of records.

    Raises
    ------
    LogError
        Nothing was written.

    """
    producer = Producer(
        {
            **client,
            "transactional.id": name,
            "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
            # subtle: as in the streaming side's producer. One item's vectors of batch and stream
            # must share a partition, or their order is anyone's guess.
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 20,
            "log_level": 0,
        }
    )
    # topics: refused ones as far as they are told, those that records went to
    refused: dict[str, None] = {}
    written: dict[str, None] = {}

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is not None and error.code() in REFUSALS:
            refused[str(message.topic())] = None

    begun = False
    try:
        producer.init_transactions(SILENCE_S)  # 1
        producer.begin_transaction()  # 2
        begun = True
        count = 0
        for record in records:  # 3
            written[record.topic] = None
            _produce(producer, record, delivered)
            count += 1
        producer.commit_transaction()  # 4
    except KafkaException as error:
        if begun:
            _abort(producer)
        reason = error.args[0]
        if reason.code() in REFUSALS or refused:
            of_topics = refused or reason.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
            where = f"topic {' or '.join(refused or written)}" if of_topics else ""
            raise _refused(reason, where or f"transactional id {name}") from None
        msg = (
            f"expected to write {name} in one transaction, found {reason.str()}; nothing was "
            "written, try again"
        )
        raise LogError(msg) from error
    except BaseException:
        if begun:
            _abort(producer)
        raise
    return count


def _produce(producer: Producer, record: Record, delivered: Any) -> None:
    while True:
        try:
            producer.produce(record.topic, record.value, record.key.encode(), on_delivery=delivered)
        except BufferError:  # the queue is full: wait for acknowledgements
            producer.poll(0.1)
        else:
            producer.poll(0)
            return


def _abort(producer: Producer) -> None:
    try:
        producer.abort_transaction(SILENCE_S)
    except KafkaException:
        # fenced or unreachable: the broker ends the transaction by itself after its timeout
        producer.purge()


def _ends(client: Mapping[str, Any], topic: str) -> dict[int, int]:
    """End of the uncommitted log of each partition."""
    meter = Consumer(_reading(client, "read_uncommitted"))
    give_up_s = time.monotonic() + SILENCE_S
    try:
        while True:
            try:
                found = meter.list_topics(topic, timeout=SILENCE_S).topics[topic]
                if found.error is not None and found.error.code() in REFUSALS:
                    raise _refused(found.error, f"topic {topic}")
                if found.error is not None:
                    msg = (
                        f"topic {topic}: expected a topic that can be read, found "
                        f"{found.error.str()}; run `slatestream topics create`"
                    )
                    raise LogError(msg)
                each = [TopicPartition(topic, number) for number in found.partitions]
                return {at.partition: meter.get_watermark_offsets(at, SILENCE_S)[1] for at in each}
            except KafkaException as error:
                # A topic that was just made, or a broker that just went, leaves partitions without
                # a leader for a moment.
                if error.args[0].code() in REFUSALS:
                    raise _refused(error.args[0], f"topic {topic}") from None
                if error.args[0].code() not in LEADERLESS or time.monotonic() > give_up_s:
                    msg = (
                        f"expected a broker that answers, found {error.args[0].str()}; check "
                        "KAFKA_BOOTSTRAP_SERVERS"
                    )
                    raise LogError(msg) from error
                time.sleep(0.1)
    finally:
        meter.close()


def _reading(client: Mapping[str, Any], isolation: str) -> dict[str, Any]:
    return {
        # required by the client; no group is joined and nothing committed
        "group.id": DEFAULT_GROUP,
        **client,
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "isolation.level": isolation,
        "fetch.queue.backoff.ms": 5,
        # how long the broker keeps an empty partition's answer, and so the end, to itself
        "fetch.wait.max.ms": 10,
        "log_level": 0,
    }


def _refused(error: KafkaError, resource: str) -> LogError:
    """A right that is missing, with its resource."""
    return LogError(
        f"expected the rights of this role on {resource}, found {error.str()}; give them to this "
        "user, see the table of ACLs in docs/operations.md"
    )
