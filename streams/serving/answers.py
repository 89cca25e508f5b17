"""Answers: slates on their way to Kafka, and dead letters of requests. Each is heard of when the
broker has it; what could not be delivered is sent again for as long as it takes.
"""

import logging
import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from streams.contract.dead_letters import Place, dead_letter
from streams.contract.events import Slate, SlateRequest, encode
from streams.contract.topics import TopicNames
from streams.kafka.producer import EventSender
from streams.metrics import REJECTED, ServingMetrics
from streams.serving.recent_slates import RecentSlates
from streams.serving.reply_headers import ReplyTo

log = logging.getLogger(__name__)

Headers = list[tuple[str, bytes]]  # of a record
FLUSH_S = 4.0  # within a rebalance, which waits for 6 s (`max.poll.interval.ms`)
# of a reply topic of the client's own: it is not there, or has no such partition, or is not ours to
# write
_CLIENTS_FAULT = {
    "UNKNOWN_TOPIC_OR_PART",
    "_UNKNOWN_TOPIC",
    "_UNKNOWN_PARTITION",
    "TOPIC_AUTHORIZATION_FAILED",
    "MSG_SIZE_TOO_LARGE",
    "INVALID_TOPIC_EXCEPTION",
}


class Answers:
    """The producer of one thread of a serving process.

    Parameters
    ----------
    sender, names, metrics
        Where slates go.
    recent
        Where they are remembered.
    """

    def __init__(
        self, sender: EventSender, names: TopicNames, metrics: ServingMetrics, recent: RecentSlates
    ) -> None:
        self.under_way = 0
        self._moved_s = 0.0  # when one began while nothing was under way, or one arrived
        self._sender = sender
        self._names = names
        self._metrics = metrics
        self._recent = recent

    def send(
        self,
        slate: Slate,
        request: SlateRequest,
        reply: ReplyTo | None,
        sent_s: float,
        done: Callable[[], None],
        headers: Headers | None = None,
    ) -> bytes:
        """Send a slate to `slates` and, where the request asks for it, to a topic of the client's.
        Returns its JSON.

        Parameters
        ----------
        slate, request, reply
            What goes, what asked for it, and where else it goes.
        sent_s
            Time of the request's record, for the metric.
        done
            Called when the broker has all of it.
        headers
            Of the record on `slates`.
        """
        value, left = encode(slate), 1 if reply is None else 2

        def arrived() -> None:
            nonlocal left
            left -= 1
            if left == 0:
                self._metrics.requests.inc()
                self._metrics.request_s.observe(max(0.0, time.time() - sent_s))
                done()

        user_id = slate.user_id or ""
        self._recent.put(slate.slate_id, user_id, value, encode(request))
        own: dict[str, Any] = {"headers": headers} if headers else {}
        self._put(self._names.slates, user_id.encode(), value, arrived, **own)
        if reply is not None:
            rest: dict[str, Any] = {"headers": reply.headers}
            if reply.partition is not None:
                rest["partition"] = reply.partition
            self._put(reply.topic, user_id.encode(), value, arrived, clients=True, **rest)
        return value

    def refuse(
        self,
        place: Place,
        key: bytes | None,
        value: bytes | None,
        reason: str,
        done: Callable[[], None],
    ) -> None:
        """Send the dead letter of a request."""
        letter = dead_letter(place, key, value, reason, time.time())
        self._metrics.events.labels(REJECTED, "").inc()
        self._put(self._names.dead_letters, letter.key, letter.value, done)

    def poll(self) -> None:
        """Hear of deliveries."""
        self._sender.poll()

    def silent_s(self) -> float:
        """For how long answers have been under way and none has arrived, in seconds."""
        return time.monotonic() - self._moved_s if self.under_way else 0.0

    def flush(self) -> None:
        """Wait for what is under way, a while."""
        end_s = time.monotonic() + FLUSH_S
        while self.under_way and time.monotonic() < end_s:
            self._sender.poll(0.01)

    def _put(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        done: Callable[[], None],
        clients: bool = False,
        **rest: Any,
    ) -> None:
        """Send for as long as it takes; to a topic of the client's only if that can be had."""

        def delivered(error: KafkaError | None, _message: Any) -> None:
            self.under_way -= 1
            if error is None:
                self._moved_s = time.monotonic()
                done()
            elif error.name() in _CLIENTS_FAULT and clients:
                log.warning("no reply to %s: %s", topic, error.str())
                done()
            else:
                log.error("an answer was not delivered and is sent again: %s", error.str())
                self._put(topic, key, value, done, clients, **rest)

        if not self.under_way:
            self._moved_s = time.monotonic()
        self.under_way += 1
        try:
            self._sender.send(topic, key, value, delivered, **rest)
        except KafkaException as error:
            self.under_way -= 1
            if not clients:
                raise
            log.warning("no reply to %s: %s", topic, error.args[0].str())
            done()
