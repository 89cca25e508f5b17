"""Users on Apache Kafka, from their events to their slates: what a user clicks is in the next
slates, and a process that was started anew knows it from the topics.
"""

from __future__ import annotations

import json
import random
import re
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Producer

from tests.kafka.fleet import Fleet, wait_for

pytestmark = pytest.mark.kafka

TOPICS, ITEMS, K = 4, 40, 8
WEIGHT = re.compile(r'^slatestream_user_weight\{feature="relevance"\} (\S+)$', re.MULTILINE)
LEARNED_S = 180.0  # a slate waits a minute for its clicks before it is learned from


class Site:
    """Whoever serves users: asks for slates, and says what came of them."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet, self.numbers = fleet, self._count()
        self.producer = Producer(
            {"bootstrap.servers": fleet.bootstrap, "partitioner": "murmur2_random"}
        )

    @staticmethod
    def _count() -> Iterator[int]:
        number = 0
        while True:
            yield number
            number += 1

    def send(self, topic: str, key: str, value: Any) -> None:
        self.producer.produce(topic, json.dumps(value).encode(), key.encode())
        self.producer.poll(0)

    def describe(self) -> None:
        """Items of a topic each, by their vectors."""
        for number in range(ITEMS):
            vector = [0.0] * (TOPICS + 3)
            vector[number % TOPICS], vector[TOPICS + number % 3] = 1.0, 0.3
            name = f"item-{number}"
            self.send(self.fleet.names.items, name, {"item_id": name, "vector": vector})
        assert self.producer.flush(60) == 0

    def page(self, path: str, body: Any = None) -> bytes:
        url = f"http://127.0.0.1:{self.fleet.serving[0].port}{path}"
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(url, data), timeout=60) as answer:
            return bytes(answer.read())

    def slate(self, user: str) -> dict[str, Any]:
        asked = {"request_id": f"r{next(self.numbers)}", "user_id": user, "k": K}
        return dict(json.loads(self.page("/v1/slates", asked)))

    def visit(self, user: str, topic: int, rng: random.Random) -> None:
        """The user sees a slate, and clicks what is of the topic, mostly."""
        slate = self.slate(user)
        event = {"slate_id": slate["slate_id"], "user_id": user, "ts": time.time()}
        self.send(self.fleet.names.impressions, user, event)
        for item in slate["items"]:
            if rng.random() < (0.6 if topic_of(item) == topic else 0.05):
                self.send(self.fleet.names.clicks, user, {**event, "item_id": item["item_id"]})

    def share(self, user: str, topic: int) -> float:
        """Of a topic among a user's next slates, of which nothing is seen."""
        items = [item for _ in range(10) for item in self.slate(user)["items"]]
        return sum(topic_of(item) == topic for item in items) / len(items)

    def weight(self) -> float:
        found = WEIGHT.search(self.page("/metrics").decode())
        return float(found.group(1)) if found else 0.0


def topic_of(item: dict[str, Any]) -> int:
    return int(item["item_id"].partition("-")[2]) % TOPICS


def test_clicks_on_a_topic_raise_it_within_seconds_and_outlive_the_process(
    make_fleet: Callable[..., Fleet],
) -> None:
    fleet = make_fleet(1, 4, serving=1)
    site, rng = Site(fleet), random.Random(3)
    site.describe()
    serving = fleet.serving[0]
    fleet.start(fleet.workers[0])
    fleet.serve(serving)
    wait_for("both to be ready", lambda: all(each.ready() for each in (*fleet.workers, serving)))

    for _ in range(8):  # others teach what histories say
        for number in range(40):
            site.visit(f"user-{number}", number % TOPICS, rng)
        assert site.producer.flush(60) == 0
    wait_for("something to be learned", lambda: site.weight() > 0.3, LEARNED_S, 1.0)

    before = site.share("anna", 2)
    slate = site.slate("anna")
    for number in (2, 6, 10):
        click = {"slate_id": slate["slate_id"], "user_id": "anna", "ts": time.time()}
        site.send(fleet.names.clicks, "anna", {**click, "item_id": f"item-{number}"})
    assert site.producer.flush(60) == 0
    wait_for("the topic to rise", lambda: site.share("anna", 2) > before + 0.2, 20.0, 0.5)
    whys = [item["why"] for item in site.slate("anna")["items"]]
    assert any("user_relevance" in why and "user" in why for why in whys)

    serving.kill()
    fleet.serve(serving)
    wait_for("the process to be ready again", serving.ready)
    risen = before + 0.2
    wait_for("what it knew", lambda: site.weight() > 0.3 and site.share("anna", 2) > risen, 60.0)
