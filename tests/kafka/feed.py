"""A feed: produces a history at a steady pace while workers are being hurt, and knows afterwards where everything lies."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from streams.topics import TopicNames
from tests.kafka.history import Event, History

SLICES = 100
HELD_BACK = 0.1  # the share of the history that is left for the time after the faults
DRIP, DRIP_EVERY_S = 30, 0.3
GIVE_UP_S = 120.0
Place = tuple[str, int]


class Feed(threading.Thread):
    """The history in slices over `seconds`, the rest in drops until `release`; the served slates last, once they were answered."""

    def __init__(self, bootstrap: str, names: TopicNames, history: History, seconds: float) -> None:
        super().__init__(name="feed", daemon=True)
        self._history = history
        self._seconds = seconds
        self._slates = names.slates
        self._prefix = names.prefix
        self._servers = bootstrap
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "queue.buffering.max.messages": 500_000,
                "log_level": 0,
            }
        )
        self.release = threading.Event()
        self.ends: dict[Place, int] = {}
        self.refused: set[tuple[str, int, int]] = set()  # where the bad events lie
        self.done = False
        self.failure: str | None = None

    def run(self) -> None:
        """The thread."""
        try:
            self._feed()
        except (RuntimeError, TimeoutError) as failure:
            self.failure = str(failure)
        self.done = True

    def _feed(self) -> None:
        history = self._history
        paced = int(len(history.events) * (1 - HELD_BACK))
        began = time.monotonic()
        size = -(-paced // SLICES)
        for number in range(SLICES):
            # subtle: event time runs fast here; a slice is delivered before the next, or one topic could fall far behind another
            self._send(history.events[number * size : min(paced, (number + 1) * size)])
            time.sleep(max(0.0, began + (number + 1) * self._seconds / SLICES - time.monotonic()))
        rest = history.events[paced:]
        while rest and not self.release.wait(DRIP_EVERY_S):  # so that every worker has something to flush until the faults are over
            self._send(rest[:DRIP])
            rest = rest[DRIP:]
        if not self.release.wait(GIVE_UP_S):
            raise TimeoutError("the faults that were planned have not all happened")
        self._send(rest)
        self._await_replies()
        self._send(history.tail)

    def _send(self, events: Iterable[Event]) -> None:
        for event in events:
            bad = event.bad

            def delivered(error: KafkaError | None, message: Message, bad: bool = bad) -> None:
                if error is not None:
                    self.failure = error.str()
                    return
                topic, partition, offset = message.topic() or "", message.partition() or 0, message.offset() or 0
                self.ends[topic, partition] = max(self.ends.get((topic, partition), 0), offset + 1)
                if bad:
                    self.refused.add((topic, partition, offset))

            self._producer.produce(self._prefix + event.source, event.value, event.key, on_delivery=delivered)
        if self._producer.flush(GIVE_UP_S) or self.failure is not None:
            raise RuntimeError(f"events could not be produced: {self.failure}")

    def _await_replies(self) -> None:
        missing = set(self._history.request_ids)
        reader = Consumer({"bootstrap.servers": self._servers, "group.id": "unused", "enable.auto.commit": False, "log_level": 0})
        reader.assign([TopicPartition(self._slates, 0, 0)])
        end = time.monotonic() + GIVE_UP_S
        while missing:
            for record in reader.consume(500, 0.2):
                if record.error() is None:
                    missing.discard(json.loads(record.value() or b"{}").get("slate_id"))
            if time.monotonic() > end:
                raise TimeoutError(f"{len(missing)} requests were never answered")
        reader.close()
