"""A feed: produces a history at a steady pace while workers are being hurt, and knows afterwards
where everything lies.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from streams.contract.topics import TopicNames
from tests.kafka.history import SLATES, Event, History

SLICE_S = 15.0  # of event time
FASTEST = 300.0  # seconds of event time in a second
HELD_BACK = 0.1  # the share of the history that is left for the time after the faults
DRIP, DRIP_EVERY_S = 30, 0.3
GIVE_UP_S = 300.0
Place = tuple[str, int]


class Feed(threading.Thread):
    """The history over `seconds`, its end in drops until `release`; the served slates last, once
    they were answered.

    With 0 seconds as fast as it goes: for workers that start afterwards.
    """

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
        self.silence = threading.Event()  # while it is set nothing is sent
        self.ends: dict[Place, int] = {}
        self.refused: set[tuple[str, int, int]] = set()  # where the bad events lie
        self.done = False
        # half of what is held back is sent: the faults that are left must come soon
        self.low = False
        self.failure: str | None = None
        self._unanswered = len(history.request_ids)

    @property
    def stage(self) -> str:
        """Where it is, in words."""
        return (
            f"feed {'done' if self.done else 'not done'}, {len(self._producer)} events on their "
            f"way, {self._unanswered} requests unanswered"
        )

    def run(self) -> None:
        """The thread."""
        try:
            self._feed()
        except (RuntimeError, TimeoutError) as failure:
            self.failure = str(failure)
        self.done = True

    def _feed(self) -> None:
        events = self._history.events
        paced = int(len(events) * (1 - HELD_BACK))
        began = time.monotonic()
        sent = 0
        while sent < paced:
            sent += self._slice(events, sent, paced)
            time.sleep(max(0.0, began + self._seconds * sent / paced - time.monotonic()))
        while sent < len(events) and not self.release.wait(DRIP_EVERY_S):
            self.low = sent > paced + (len(events) - paced) // 2
            # so that every worker has something to flush until the faults are over
            sent += self._slice(events, sent, sent + (DRIP // 10 if self.low else DRIP))
        if not self.release.wait(GIVE_UP_S):
            raise TimeoutError("the faults that were planned have not all happened")
        self._at_full_speed(events, sent)
        self._await_replies()
        self._at_full_speed(self._history.follower, 0)

    def _at_full_speed(self, events: list[Event], sent: int) -> None:
        while sent < len(events):
            sent += self._slice(events, sent, len(events))
            time.sleep(SLICE_S / FASTEST if self._seconds else 0.0)

    def _slice(self, events: list[Event], first: int, limit: int) -> int:
        """Send what arrives within `SLICE_S` of the event at `first`, up to the event at `limit`;
        returns how many.

        Event time runs fast here. A slice is delivered before the next, or one topic could fall
        behind another by more than a window, and the product forgets slates by the time of its
        sources.
        """
        while self.silence.is_set():
            time.sleep(0.05)
        until_s = events[first].arrives_s + SLICE_S
        last = first
        while last < min(limit, len(events)) and events[last].arrives_s <= until_s:
            last += 1
        now = events[first:last]
        # a slate is in the log before anybody sees it
        self._send(event for event in now if event.source == SLATES)
        self._send(event for event in now if event.source != SLATES)
        return last - first

    def _send(self, events: Iterable[Event]) -> None:
        for event in events:
            bad = event.bad

            def delivered(error: KafkaError | None, message: Message, bad: bool = bad) -> None:
                if error is not None:
                    self.failure = error.str()
                    return
                topic, partition, offset = (
                    message.topic() or "",
                    message.partition() or 0,
                    message.offset() or 0,
                )
                self.ends[topic, partition] = max(self.ends.get((topic, partition), 0), offset + 1)
                if bad:
                    self.refused.add((topic, partition, offset))

            self._producer.produce(
                self._prefix + event.source, event.value, event.key, on_delivery=delivered
            )
        if self._producer.flush(GIVE_UP_S) or self.failure is not None:
            raise RuntimeError(f"events could not be produced: {self.failure}")

    def _await_replies(self) -> None:
        missing = set(self._history.request_ids)
        reader = Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": "unused",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        found = reader.list_topics(self._slates, 10.0).topics[self._slates].partitions
        reader.assign([TopicPartition(self._slates, number, 0) for number in found])
        end = time.monotonic() + GIVE_UP_S
        while missing:
            for record in reader.consume(500, 0.2):
                if record.error() is None:
                    missing.discard(_slate_id(record.value()))
            self._unanswered = len(missing)
            if time.monotonic() > end:
                raise TimeoutError(f"{len(missing)} requests were never answered")
        reader.close()


def _slate_id(value: bytes | None) -> str:
    """Of a slate; of a record that is none, nothing."""
    try:
        slate = json.loads(value or b"")
    except ValueError:
        return ""
    return str(slate.get("slate_id")) if isinstance(slate, dict) else ""
