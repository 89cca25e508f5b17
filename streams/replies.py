"""Replies: slates on their way out (and dead letters of items), by an idempotent producer that waits for no flush.

A flush makes a request's offset durable only once its reply is delivered: `wait` is called before the transaction. A reply that could
not be delivered undoes the flush, so that the request is read and answered again.
"""

import logging
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, Producer

from .transaction import Undone

log = logging.getLogger(__name__)

DELIVERY_TIMEOUT_S = 30.0


class Replies:
    """An idempotent producer that remembers a failed delivery until somebody waits."""

    def __init__(self, client: Mapping[str, Any]) -> None:
        self._producer = Producer(
            {
                **client,
                "enable.idempotence": True,
                "linger.ms": 1,
                "delivery.timeout.ms": int(DELIVERY_TIMEOUT_S * 1000),
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self._lost: KafkaError | None = None

    def send(self, topic: str, key: bytes | None, value: bytes) -> None:
        """Hand a record to the producer."""
        while True:
            try:
                self._producer.produce(topic, value, key, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.01)

    def wait(self) -> None:
        """Return when every reply so far is delivered.

        Raises
        ------
        Undone
            If one was not: its request must be answered again.
        """
        left = self._producer.flush(DELIVERY_TIMEOUT_S)
        lost, self._lost = self._lost, None
        if left or lost is not None:
            msg = f"replies were not delivered: {lost.str() if lost is not None else f'{left} left after {DELIVERY_TIMEOUT_S:g} s'}"
            raise Undone(msg)

    def _delivered(self, error: KafkaError | None, _message: Any) -> None:
        if error is not None:
            self._lost = error
            log.error("a reply was not delivered: %s", error.str())
