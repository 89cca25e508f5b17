"""Parts of a play: feed a history, wait until the group has read it, hold the totals against the
oracle.
"""

from __future__ import annotations

import random
import time

from streams.worker.ending import EXIT_STATUS
from tests.kafka import audit
from tests.kafka.feed import Feed
from tests.kafka.fleet import Fleet, wait_for
from tests.kafka.history import History, make
from tests.kafka.oracle import Cell, Totals

READ_S = 180.0


def start_feed(fleet: Fleet, history: History, seconds: float = 0.0) -> Feed:
    """Produce a history, over `seconds`, in the background."""
    feed = Feed(fleet.bootstrap, fleet.names, history, seconds)
    feed.release.set()
    feed.start()
    return feed


def feed_all(
    fleet: Fleet, seed: int, events: int = 4000, seconds: float = 0.0
) -> tuple[History, Feed]:
    """Produce a history without requests, whose slates no other seed has, and wait for the brokers
    to have it.

    Over `seconds`, where workers read already.
    """
    history = make(random.Random(seed), time.time(), events, requests=0, name=f"s{seed}-")
    feed = start_feed(fleet, history, seconds)
    feed.join(READ_S)
    assert feed.done, "the history was not produced in time"
    assert feed.failure is None, feed.failure
    return history, feed


def wait_read(fleet: Fleet, feed: Feed, *, supervised: bool = True) -> None:
    """Until the feed is over and the group has committed the end of every source.

    A worker that ends with 70 meanwhile is started again, as a supervisor would.
    """

    def read() -> bool:
        assert feed.failure is None, feed.failure
        for worker in fleet.workers:
            if supervised and worker.status == EXIT_STATUS:
                fleet.start(worker)
        return feed.done and fleet.read(feed.ends)

    wait_for(f"the group to read {fleet.names.prefix}", read, READ_S)


def assert_exact(fleet: Fleet, history: History, feed: Feed) -> None:
    """Totals and dead letters are what they must be."""
    assert audit.totals(fleet, history) == []
    assert audit.outcomes(fleet, history) == []
    assert audit.dead_letters(fleet, feed) == []


def together(*histories: History) -> dict[Cell, Totals]:
    """What histories without common slates come to."""
    sums: dict[Cell, Totals] = {}
    for history in histories:
        for cell, more in history.expected.items():
            have = sums.get(cell, (0, 0, 0, 0.0))
            sums[cell] = have[0] + more[0], have[1] + more[1], have[2] + more[2], have[3] + more[3]
    return sums


def signal_ready(fleet: Fleet) -> bool:
    """Whether every running worker owns partitions that are restored."""
    return all("Resuming flow" in worker.text() for worker in fleet.workers if worker.running)
