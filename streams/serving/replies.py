"""Replies: slates on their way out (and dead letters of items), by an idempotent producer that
waits for no flush.

A flush makes a request's offset durable only once its reply is delivered: `wait` is called before
the transaction. A reply that could not be delivered undoes the flush, so that the request is read
and answered again.
"""

import functools
import logging
import time
from collections.abc import Mapping
from typing import Any

from confluent_kafka import KafkaError, Producer

from streams.kafka.transaction import CommitAborted

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
        self._sent = 0
        self._waiting: dict[int, None] = {}  # numbers of the records on their way, in order

    def send(self, topic: str, key: bytes | None, value: bytes) -> None:
        """Hand a record to the producer."""
        self._sent += 1
        self._waiting[self._sent] = None
        while True:
            try:
                self._producer.produce(
                    topic, value, key, on_delivery=functools.partial(self._delivered, self._sent)
                )
                break
            except BufferError:
                self._producer.poll(0.01)
        self._producer.poll(0)

    def wait(self) -> None:
        """Return when every reply so far is delivered.

        Raises
        ------
        CommitAborted
            If one was not: its request must be answered again.
        """
        # subtle: later ones may keep coming, so the producer's own flush would not end
        last = self._sent
        deadline = time.monotonic() + 2 * DELIVERY_TIMEOUT_S
        while (
            first := next(iter(self._waiting), last + 1)
        ) <= last and time.monotonic() < deadline:
            self._producer.poll(0.01)
        lost, self._lost = self._lost, None
        if first <= last or lost is not None:
            still = f"{len(self._waiting)} are still on their way"
            msg = f"replies were not delivered: {still if lost is None else lost.str()}"
            raise CommitAborted(msg)

    def _delivered(self, number: int, error: KafkaError | None, _message: Any) -> None:
        self._waiting.pop(number, None)
        if error is not None:
            self._lost = error
            log.error("a reply was not delivered: %s", error.str())
