"""Limits on a real worker: what clients invent stays out of the state, before and after a kill."""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from streams.serving.counts_view import read_counts
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, wait_for

pytestmark = pytest.mark.kafka

SEGMENTS, UNKNOWN = 3, 4  # that a partition admits


class Client:
    """Invents items, or segments, and looks at what became of it."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.numbers = itertools.count()
        self.sent = 0
        self.producer = Producer({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
        self.send(fleet.names.items, b"i", {"item_id": "i"})

    def send(self, topic: str, key: bytes, event: dict[str, object]) -> None:
        self.producer.produce(topic, json.dumps(event).encode(), key, partition=0)
        assert self.producer.flush(CALL_TIMEOUT_S) == 0

    def show(self, item: str = "i", segment: str = "real") -> None:
        event = {
            "slate_id": f"s{next(self.numbers)}",
            "user_id": "u",
            "item_id": item,
            "position": 0,
            "segment": segment,
            "ts": 1_000_001_000.0,
        }
        self.send(self.fleet.names.impressions, b"u", event)
        self.sent += 1

    def all_counted(self) -> bool:
        return self.fleet.read({(self.fleet.names.impressions, 0): self.sent})

    def invent(self, n: int) -> None:
        for _ in range(n):
            self.show(item=f"item{next(self.numbers)}")
            self.show(segment=f"segment{next(self.numbers)}")

    def counted(self, outcome: str) -> float:
        page = f"http://127.0.0.1:{self.fleet.workers[0].port}/metrics"
        with urllib.request.urlopen(page, timeout=5) as answer:
            lines = answer.read().decode().splitlines()
        name = f'slatestream_events_total{{outcome="{outcome}"'
        return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(name))

    def rows(self) -> tuple[set[str], set[str], int]:
        """Segments, items and impressions of the state."""
        rows = list(read_counts(self.fleet.settings))
        return (
            {row["segment"] for row in rows},
            {row["item_id"] for row in rows},
            sum(row["impressions"] for row in rows),
        )


def test_what_a_client_invents_stays_out_of_the_state_and_what_is_real_counts(
    make_fleet: Callable[..., Fleet],
) -> None:
    fleet = make_fleet(
        1, 1, SLATESTREAM_MAX_SEGMENTS=SEGMENTS, SLATESTREAM_MAX_UNKNOWN_ITEMS=UNKNOWN
    )
    worker, client = fleet.workers[0], Client(fleet)

    def refused() -> bool:  # nobody is before the worker has read `items`
        client.show(item=f"early{next(client.numbers)}")
        return client.counted("unknown_item") > 0

    for _life in range(2):
        fleet.start(worker)
        wait_for("the worker to be ready", worker.ready)
        wait_for("an item to be refused", refused, every_s=0.3)
        wait_for("all to be counted", client.all_counted)
        _, items, impressions = client.rows()
        client.invent(6)
        client.show()
        wait_for("all to be counted", client.all_counted)
        segments, now_items, now_impressions = client.rows()
        assert now_items == items | {"i"}  # of 6 invented ones none
        assert now_impressions == impressions + 6 + 1  # those with a segment of their own
        assert len(segments) == SEGMENTS + 1
        assert {"real", "other"} <= segments
        worker.kill()
