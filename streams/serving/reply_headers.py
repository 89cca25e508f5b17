"""Reply headers: where else the answer to a request goes, as clients of request and reply say it.

    Spring (KafkaHeaders)      kafka_replyTopic, kafka_replyPartition, kafka_correlationId
    SmallRye (KafkaRequestReply)  REPLY_TOPIC, REPLY_PARTITION, REPLY_CORRELATION_ID

Topics are UTF-8 text, partitions 4 bytes big-endian (Java's `ByteBuffer.putInt`) or digits; the
correlation id goes back as it came, under the same name. Only topics that the settings allow.
"""

import fnmatch
from collections.abc import Sequence
from typing import NamedTuple

from streams.contract.events import EventError

Headers = Sequence[tuple[str, bytes | None]]
_KINDS = (
    ("kafka_replyTopic", "kafka_replyPartition", "kafka_correlationId"),
    ("REPLY_TOPIC", "REPLY_PARTITION", "REPLY_CORRELATION_ID"),
)


class ReplyTo(NamedTuple):
    """Where a second answer goes."""

    topic: str
    partition: int | None
    headers: list[tuple[str, bytes]]


def reply_to(headers: Headers | None, allowed: Sequence[str]) -> ReplyTo | None:
    """What a request's headers ask for; None where they ask for nothing.

    Parameters
    ----------
    headers
        As confluent-kafka gives them.
    allowed
        Patterns of topic names (`fnmatch`).

    Raises
    ------
    EventError
        For a topic that is not allowed, and a partition that is none.
    """
    given = dict(headers or ())
    for topic_name, partition_name, correlation_name in _KINDS:
        raw = given.get(topic_name)
        if not raw:
            continue
        topic = raw.decode(errors="replace")
        if not any(fnmatch.fnmatchcase(topic, pattern) for pattern in allowed):
            msg = (
                f"header {topic_name}: expected a topic that SLATESTREAM_REPLY_TOPICS allows, "
                f"found {topic[:100]!r}"
            )
            raise EventError(msg)
        correlation = given.get(correlation_name)
        kept = [] if correlation is None else [(correlation_name, correlation)]
        return ReplyTo(topic, _partition(partition_name, given.get(partition_name)), kept)
    return None


def _partition(name: str, raw: bytes | None) -> int | None:
    if raw is None:
        return None
    if raw.isdigit():
        return int(raw)
    if len(raw) == 4 and (number := int.from_bytes(raw, "big", signed=True)) >= 0:
        return number
    msg = f"header {name}: expected 4 bytes big-endian, or digits, found {raw[:20]!r}"
    raise EventError(msg)
