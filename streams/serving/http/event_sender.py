"""Event lines on their way to Kafka: a producer of its own, whose deliveries a thread hears of."""

import asyncio
import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException

from streams.kafka.producer import EventSender
from streams.kafka.rights import named
from streams.serving.answers import Headers
from streams.serving.http.endpoint import Turns
from streams.serving.http.problems import ProblemError

MOST_UNDER_WAY = 100_000  # events, of all requests together
DELIVERY_S = 10.0
POLL_S = 0.1


class Record(NamedTuple):
    """One event as it is produced: `topic` is its full name."""

    topic: str
    key: bytes
    value: bytes


class _Delivery:
    """The records of one request."""

    def __init__(self, records: int) -> None:
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.errors: dict[int, KafkaError] = {}
        self._left = records
        self._lock = threading.Lock()

    def arrived(self, at: int, error: KafkaError | None) -> bool:
        """Note one, in whichever thread; whether it was the last."""
        with self._lock:
            if error is not None:
                self.errors[at] = error
            self._left -= 1
            return self._left == 0

    def finish(self) -> None:
        """All are decided."""
        if not self.done.done():
            self.done.set_result(None)


class EventLineSender:
    """`start` and `stop` its thread; `send` from the event loop."""

    def __init__(self, sender: EventSender) -> None:
        self._sender = sender
        self._under_way = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="http-events", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(1.0)

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._sender.poll(POLL_S)

    async def send(self, records: Sequence[Record], headers: Headers) -> dict[int, KafkaError]:
        """Errors by place; returns when every record is on Kafka, or never will be.

        Raises
        ------
        ProblemError
            Where the brokers do not take them in time; some may arrive all the same.
        """
        if not records:
            return {}
        if self._under_way + len(records) > MOST_UNDER_WAY:
            msg = "expected the brokers to take events, found them behind; try again in a moment"
            raise ProblemError(503, msg)
        self._under_way += len(records)
        try:
            return await self._sent(records, headers)
        finally:
            self._under_way -= len(records)

    async def _sent(self, records: Sequence[Record], headers: Headers) -> dict[int, KafkaError]:
        loop, delivery, turns = asyncio.get_running_loop(), _Delivery(len(records)), Turns()

        def on_delivery(at: int) -> Any:
            def heard(error: KafkaError | None, message: Any) -> None:
                if error is not None:
                    error = named(error, f"topic {message.topic()} (Write)")
                if delivery.arrived(at, error) and not loop.is_closed():
                    loop.call_soon_threadsafe(delivery.finish)

            return heard

        try:
            for at, (topic, key, value) in enumerate(records):
                self._sender.send(topic, key, value, on_delivery(at), headers=headers)
                await turns.breathe()
            async with asyncio.timeout(DELIVERY_S):
                await delivery.done
        except KafkaException as error:
            raise ProblemError(503, f"events cannot be sent: {error.args[0].str()}") from None
        except TimeoutError:
            msg = (
                f"expected the brokers to have all events within {DELIVERY_S:g} s, found some on "
                "their way; send all again: what comes twice counts once"
            )
            raise ProblemError(503, msg) from None
        return delivery.errors
