"""Events to the topics that users write: decoded before they go, keyed as CONTRACT section 1 says.

The partitioner is that of Java clients (`murmur2_random`); librdkafka's own default differs. All
producers of `impressions`, `clicks` and `slate-requests` must use the same one: only then do the
events of one user meet.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from streams.contract.events import (
    EventError,
    decode_click,
    decode_impression,
    decode_item,
    decode_slate_request,
)
from streams.contract.topics import LARGEST_EVENT_BYTES
from streams.kafka.rights import named

FLUSH_TIMEOUT_S = 60.0
FULL_QUEUE_WAIT_S = 0.05


class Kind(NamedTuple):
    """A topic that users write: the field that is its key, and the decoder of its values."""

    key: str
    decode: Callable[[bytes | None], msgspec.Struct]


KINDS = {
    "items": Kind("item_id", decode_item),
    "impressions": Kind("user_id", decode_impression),
    "clicks": Kind("user_id", decode_click),
    "slate-requests": Kind("user_id", decode_slate_request),
}


def key_of(topic: str, value: bytes, *, checked: bool = True) -> bytes | None:
    """The key of one event of `topic` (a name without prefix).

    Parameters
    ----------
    topic, value
        One of `KINDS`, and the event as JSON.
    checked
        Decode the event with its type. Otherwise anything goes, and what has no key gets none.

    Raises
    ------
    EventError
        For an event that a worker would refuse.
    """
    kind = KINDS[topic]
    if checked:
        return str(getattr(kind.decode(value), kind.key)).encode()
    try:
        loose = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    key = loose.get(kind.key) if isinstance(loose, dict) else None
    return key.encode() if isinstance(key, str) else None


class EventSender:
    """An idempotent producer that waits when its queue is full and remembers the first failure.

    Parameters
    ----------
    client
        From `Settings.kafka_client`.
    prompt
        Whether each record goes at once and uncompressed: somebody waits for it.
    """

    def __init__(self, client: Mapping[str, Any], *, prompt: bool = False) -> None:
        self.producer = Producer(
            {
                **client,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 0 if prompt else 5,
                # gzip: the one codec that every client reads without more packages
                "compression.type": "none" if prompt else "gzip",
                "message.max.bytes": LARGEST_EVENT_BYTES,
                "queue.buffering.max.messages": 500_000,
                "log_level": 0,
            }
        )
        self.sent = 0
        self.failure: KafkaError | None = None

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        on_delivery: Callable[[KafkaError | None, Message], None] | None = None,
        **rest: Any,
    ) -> None:
        """Queue one record for `topic` (full name); waits while the queue is full. `rest` are
        `headers` and `partition`.

        `on_delivery` hears of the delivery from `poll`, `flush` or a later `send`, and answers for
        a failure.

        Raises
        ------
        KafkaException
            For the first record without `on_delivery` that could not be delivered, as soon as that
            is known.
        """
        while True:
            try:
                self.producer.produce(
                    topic, value, key, on_delivery=on_delivery or self._delivered, **rest
                )
                break
            except BufferError:
                self.producer.poll(FULL_QUEUE_WAIT_S)
        self.sent += 1
        self.producer.poll(0)
        if self.failure is not None:
            raise KafkaException(self.failure)

    def poll(self, wait_s: float = 0.0) -> None:
        """Hear of deliveries."""
        self.producer.poll(wait_s)

    def flush(self, timeout_s: float = FLUSH_TIMEOUT_S) -> None:
        """Wait until the brokers have everything.

        Raises
        ------
        KafkaException
            When a record was refused, or some are still under way after `timeout_s`.
        """
        left = self.producer.flush(timeout_s)
        if self.failure is not None:
            raise KafkaException(self.failure)
        if left:
            reason = f"{left} events were not acknowledged within {timeout_s:g} s"
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, reason))

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self.failure is None:
            self.failure = named(error, f"topic {message.topic()} (Write)")


__all__ = ["KINDS", "EventError", "EventSender", "Kind", "key_of"]
