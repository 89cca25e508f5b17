"""Parts of a play: feed a history, wait until the group has read it, hold the totals against the oracle."""

from __future__ import annotations

import random
import time

from tests.kafka import audit
from tests.kafka.feed import Feed
from tests.kafka.fleet import Fleet, wait_for
from tests.kafka.history import History, make

READ_S = 90.0


def start_feed(fleet: Fleet, history: History, seconds: float = 0.0) -> Feed:
    """Produce a history, over `seconds`, in the background."""
    feed = Feed(fleet.bootstrap, fleet.names, history, seconds)
    feed.release.set()
    feed.start()
    return feed


def feed_all(fleet: Fleet, seed: int, events: int = 4000) -> tuple[History, Feed]:
    """Produce a history without requests and wait for the brokers to have it."""
    history = make(random.Random(seed), time.time(), events, requests=0)
    feed = start_feed(fleet, history)
    feed.join(READ_S)
    assert feed.done, "the history was not produced in time"
    assert feed.failure is None, feed.failure
    return history, feed


def wait_read(fleet: Fleet, feed: Feed) -> None:
    """Until the feed is over and the group has committed the end of every source."""

    def read() -> bool:
        assert feed.failure is None, feed.failure
        return feed.done and fleet.committed(list(feed.ends)) == feed.ends

    wait_for(f"the group to read {fleet.names.prefix}", read, READ_S)


def assert_exact(fleet: Fleet, history: History, feed: Feed) -> None:
    """Totals and dead letters are what they must be."""
    assert audit.totals(fleet, history) == []
    assert audit.dead_letters(fleet, feed) == []


def signal_ready(fleet: Fleet) -> bool:
    """Whether every running worker owns partitions that are restored."""
    return all("Resuming flow" in worker.text() for worker in fleet.workers if worker.running)
