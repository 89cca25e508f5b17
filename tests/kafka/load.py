"""Load: steady requests and events of users, and what became of each: for the drills and the
rolling upgrade.

A request waits from before `produce()` until its slate is read from `slates`, whatever the brokers
do in between. Beside each request goes an impression of a slate of its own, and with every third a
click, so the counts that must come out are known.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.serving.counts_view import read_counts
from tests.kafka.fleet import Fleet

ITEMS = [f"item-{number}" for number in range(20)]
USERS = 500
CLICK_EVERY = 3
COMMITS_EVERY_S = 0.5  # how often the group is asked how far it is


class Seen(NamedTuple):
    """What came of the requests of one drill; times in seconds."""

    requests: int
    answered: int
    twice: int
    median_s: float
    longest_s: float
    counting_s: float  # longest time in which a partition that had events left committed none


class Load:
    """Requests at a steady rate; use it in `with`. The fleet must be ready.

    Parameters
    ----------
    fleet, partitions
        Whom to ask, and partitions of the topics by user.
    per_s
        Requests a second; 1.3 events for each besides.
    k
        Items of a slate.
    """

    def __init__(self, fleet: Fleet, partitions: int, per_s: float, k: int = 3) -> None:
        self.fleet = fleet
        self.names = fleet.names
        self.partitions = partitions
        self._k = k
        self._pause_s = 1 / per_s
        self._client = {"bootstrap.servers": fleet.bootstrap, "log_level": 0}
        self._producer = Producer(
            {
                **self._client,
                "partitioner": "murmur2_random",
                "linger.ms": 0,
                "message.timeout.ms": 300_000,
                "enable.idempotence": True,
            }
        )
        self.sent: dict[str, float] = {}
        self.came: dict[str, float] = {}
        self.answers: Counter[str] = Counter()
        self.events = Counter[str]()
        self.longest_idle_s = 0.0
        self._since = 0  # requests before the drill that runs
        self._stopping = threading.Event()
        self._quiet = threading.Event()  # no more is sent
        self._threads = [
            threading.Thread(target=each, daemon=True)
            for each in (self._send, self._read, self._watch)
        ]

    def describe(self, items: int = len(ITEMS)) -> None:
        """Produce so many items, `ITEMS` first."""
        for item in (f"item-{number}" for number in range(items)):
            self._put(self.names.items, item, {"item_id": item, "title": item})
        assert self._producer.flush(60) == 0

    def __enter__(self) -> Load:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._quiet.set()
        self._stopping.set()
        for each in self._threads:
            each.join()

    def begin(self) -> None:
        """What comes from now on is another drill's."""
        self._since, self.longest_idle_s = len(self.sent), 0.0

    def end(self, timeout_s: float = 90.0) -> Seen:
        """Wait for the answers to all that was asked since `begin`."""
        asked = list(self.sent)[self._since :]
        end = time.monotonic() + timeout_s
        while time.monotonic() < end and any(name not in self.came for name in asked):
            time.sleep(0.1)
        waited = [self.came[name] - self.sent[name] for name in asked if name in self.came]
        return Seen(
            len(asked),
            len(waited),
            sum(self.answers[name] > 1 for name in asked),
            float(np.median(waited)) if waited else np.inf,
            max(waited) if len(waited) == len(asked) else np.inf,
            self.longest_idle_s,
        )

    def stop_sending(self) -> None:
        """No more requests and events; all that was sent is on the brokers."""
        self._quiet.set()
        self._threads[0].join()
        assert self._producer.flush(120) == 0

    def counted(self) -> Counter[str]:
        """Impressions and clicks that the group has counted."""
        found: Counter[str] = Counter()
        for row in read_counts(self.fleet.settings):
            found["impressions"] += int(row["impressions"])
            found["clicks"] += int(row["clicks"])
        return found

    def _put(self, topic: str, key: str, value: Any) -> None:
        self._producer.produce(topic, json.dumps(value).encode(), key.encode())
        self._producer.poll(0)

    def _send(self) -> None:
        number, due_s = 0, time.monotonic()
        while not self._quiet.is_set():
            user, now_s = f"user-{number % USERS}", time.time()
            name = f"r-{number}"
            self.sent[name] = time.monotonic()
            asked = {"request_id": name, "user_id": user, "k": self._k, "ts": now_s}
            self._put(self.names.slate_requests, user, asked)
            seen = {
                "slate_id": f"own-{number}",
                "user_id": user,
                "item_id": ITEMS[number % 20],
            }
            self._put(self.names.impressions, user, seen | {"position": 0, "ts": now_s})
            self.events["impressions"] += 1
            if number % CLICK_EVERY == 0:
                self._put(self.names.clicks, user, seen | {"ts": now_s})
                self.events["clicks"] += 1
            number, due_s = number + 1, due_s + self._pause_s
            # what was late is caught up with: the rate holds
            self._producer.poll(max(0.0, due_s - time.monotonic()))

    def _read(self) -> None:
        reader = Consumer({**self._client, "group.id": "load", "fetch.wait.max.ms": 5})
        reader.assign([TopicPartition(self.names.slates, n, 0) for n in range(self.partitions)])
        while not self._stopping.is_set():
            for record in reader.consume(1000, 0.02):
                if record.error() is None:
                    name = json.loads(record.value() or b"{}")["slate_id"]
                    self.answers[name] += 1
                    self.came.setdefault(name, time.monotonic())
        reader.close()

    def _watch(self) -> None:
        """The longest time in which the group committed nothing of a partition of impressions."""
        places = [(self.names.impressions, number) for number in range(self.partitions)]
        before: dict[tuple[str, int], int] = {}
        moved_s = dict.fromkeys(places, time.monotonic())
        while not self._stopping.wait(COMMITS_EVERY_S):
            try:
                now = self.fleet.committed(places)
            except Exception:
                continue  # the brokers are away: the next answer says for how long
            for place, offset in now.items():
                if offset != before.get(place):
                    moved_s[place] = time.monotonic()
                elif not self._quiet.is_set():
                    idle_s = time.monotonic() - moved_s[place]
                    self.longest_idle_s = max(self.longest_idle_s, idle_s)
            before = now
