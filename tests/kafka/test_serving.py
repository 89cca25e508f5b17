"""Serving processes on Apache Kafka: who asks gets an answer, whatever happens to them."""

from __future__ import annotations

import itertools
import json
import random
import signal
import subprocess
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from streams.serving.counts_view import read_counts
from tests.cluster import Cluster
from tests.kafka import audit
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, Serving, wait_for
from tests.streams.worker_process import WorkerProcess

pytestmark = pytest.mark.kafka

PARTITIONS = 4
ITEMS = [f"item-{number}" for number in range(20)]


class Shop:
    """A user of the system: a producer, and what is in the topics."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.producer = Producer(
            {
                "bootstrap.servers": fleet.bootstrap,
                "partitioner": "murmur2_random",
                "log_level": 0,
            }
        )

    def send(self, topic: str, key: str, value: Any, headers: Any = None) -> None:
        encoded = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.producer.produce(
            self.fleet.names.prefix + topic, encoded, key.encode(), headers=headers
        )
        self.producer.poll(0)

    def flush(self) -> None:
        assert self.producer.flush(60) == 0

    def describe(self) -> None:
        for item in ITEMS:
            self.send("items", item, {"item_id": item, "title": item})
        self.flush()

    def ask(self, names: Iterable[str], pause_s: float = 0.0, **more: Any) -> None:
        for number, name in enumerate(names):
            user = f"user-{number % 50}"
            wanted = {"request_id": name, "user_id": user, "k": 3, "ts": time.time(), **more}
            self.send("slate-requests", user, wanted)
            if pause_s:
                self.producer.poll(pause_s)
        self.flush()

    def records(self, topic: str, partitions: int = PARTITIONS) -> list[Any]:
        return list(
            audit.committed_records(
                self.fleet.bootstrap, self.fleet.names.prefix + topic, list(range(partitions))
            )
        )

    def answers(self) -> Counter[str]:
        return Counter(json.loads(record.value())["slate_id"] for record in self.records("slates"))

    def wait_answered(self, names: Iterable[str], timeout_s: float = 60.0) -> Counter[str]:
        wanted = set(names)
        wait_for("all answers", lambda: not wanted - self.answers().keys(), timeout_s, 0.5)
        return self.answers()


@pytest.fixture
def make_shop(make_fleet: Callable[..., Fleet]) -> Callable[..., Shop]:
    def make(serving: int, workers: int = 1, **settings: Any) -> Shop:
        fleet = make_fleet(workers, PARTITIONS, serving=serving, **settings)
        shop = Shop(fleet)
        shop.describe()
        for worker in fleet.workers:
            fleet.start(worker)
        for each in fleet.serving:
            fleet.serve(each)
        wait_for(
            "all to be ready",
            lambda: all(each.ready() for each in (*fleet.workers, *fleet.serving)),
        )
        wait_for("partitions to be shared out", lambda: _share_of(fleet.serving) == PARTITIONS)
        return shop

    return make


def _share_of(serving: Iterable[Serving]) -> int:
    """Partitions that are assigned, by what the processes said last."""
    total = 0
    for each in serving:
        said = [line for line in each.text().splitlines() if "answering partitions [" in line]
        total += len(json.loads(said[-1].rpartition("answering partitions ")[2])) if said else 0
    return total


def names(count: int, what: str = "r") -> list[str]:
    return [f"{what}-{number}" for number in range(count)]


def test_two_processes_share_the_requests_and_one_that_leaves_in_order_costs_no_answer(
    make_shop: Callable[..., Shop],
) -> None:
    shop = make_shop(2)
    wanted = names(1500)
    shop.ask(wanted[:500], pause_s=0.002)
    leaving = shop.fleet.serving[0]
    leaving.signal(signal.SIGTERM)
    shop.ask(wanted[500:1000], pause_s=0.002)
    wait_for("the first to leave", lambda: leaving.status is not None)
    assert leaving.status == 0, leaving.text()[-2000:]
    shop.fleet.serve(leaving)
    shop.ask(wanted[1000:], pause_s=0.002)
    shop.wait_answered(wanted)
    time.sleep(1.0)
    assert shop.answers() == Counter(wanted)  # once each


def test_a_process_that_is_killed_costs_no_answer_and_doubles_few(
    make_shop: Callable[..., Shop],
) -> None:
    shop = make_shop(2)
    wanted = names(1500)
    shop.ask(wanted[:700], pause_s=0.002)
    shop.fleet.serving[0].kill()
    shop.ask(wanted[700:], pause_s=0.002)
    found = shop.wait_answered(wanted)
    assert set(found) == set(wanted)
    assert max(found.values()) <= 2


def test_a_process_that_was_stopped_wakes_up_and_answers_what_is_its_own(
    make_shop: Callable[..., Shop],
) -> None:
    """Longer than the session: its partitions are somebody else's meanwhile."""
    shop = make_shop(2)
    sleeper = shop.fleet.serving[0]
    shop.ask(names(300, "before"), pause_s=0.002)
    sleeper.pause()
    shop.ask(names(600, "asleep"), pause_s=0.01)
    shop.wait_answered(names(600, "asleep"))
    sleeper.resume()
    shop.ask(names(600, "awake"), pause_s=0.01)
    wanted = [*names(300, "before"), *names(600, "asleep"), *names(600, "awake")]
    found = shop.wait_answered(wanted)
    assert max(found.values()) <= 2
    wait_for("the sleeper to answer again", sleeper.ready)


def test_a_bad_request_is_a_dead_letter_and_the_others_are_answered(
    make_shop: Callable[..., Shop],
) -> None:
    shop = make_shop(1)
    good = {"request_id": "good", "user_id": "u", "ts": time.time()}
    bad: list[tuple[str, Any]] = [
        ("u", b"{"),
        ("u", {**good, "request_id": "k", "k": 0}),
        ("", {**good, "request_id": "no key"}),
        ("u", {**good, "request_id": "future", "ts": time.time() + 10**6}),
        ("u", {**good, "request_id": "list", "context": {"tier": [1]}}),
    ]
    for key, value in bad:
        shop.send("slate-requests", key, value)
    shop.send("slate-requests", "u", good)
    shop.flush()
    shop.wait_answered(["good"])
    wait_for("dead letters", lambda: len(shop.records("dead-letters", 1)) == len(bad))
    reasons = [json.loads(each.value())["reason"] for each in shop.records("dead-letters", 1)]
    for part in ("broken JSON", "`k`", "found none", "MAX_AHEAD", "context.tier"):
        assert sum(part in reason for reason in reasons) == 1, (part, reasons)


def test_spring_gets_its_reply_in_its_own_topic_with_its_correlation_id(
    make_shop: Callable[..., Shop],
) -> None:
    shop = make_shop(1, SLATESTREAM_REPLY_TOPICS="*replies")
    topic = f"{shop.fleet.names.prefix}replies"
    admin = AdminClient({"bootstrap.servers": shop.fleet.bootstrap, "log_level": 0})
    admin.create_topics([NewTopic(topic, 3, 1)])[topic].result(CALL_TIMEOUT_S)
    headers = [
        ("kafka_replyTopic", topic.encode()),
        ("kafka_replyPartition", (2).to_bytes(4, "big")),
        ("kafka_correlationId", b"\x01\x02"),
    ]
    wanted = {"request_id": "asked", "user_id": "u", "k": 2, "ts": time.time()}
    shop.send("slate-requests", "u", wanted, headers)
    refused = [("kafka_replyTopic", b"not-allowed")]
    shop.send("slate-requests", "u", {**wanted, "request_id": "refused"}, refused)
    missing = [("REPLY_TOPIC", b"missing-replies")]
    shop.send("slate-requests", "u", {**wanted, "request_id": "missing"}, missing)
    shop.flush()
    shop.wait_answered(["asked", "missing"])
    wait_for("the reply", lambda: len(shop.records("replies", 3)) == 1)
    (reply,) = shop.records("replies", 3)
    (slate,) = [
        each.value()
        for each in shop.records("slates")
        if json.loads(each.value())["slate_id"] == "asked"
    ]
    assert (reply.partition(), reply.value()) == (2, slate)
    assert reply.headers() == [("kafka_correlationId", b"\x01\x02")]
    assert set(shop.answers()) == {"asked", "missing"}


def test_brokers_away_are_said_and_the_process_comes_back_by_itself(
    kafka_directory: Path, tmp_path: Path
) -> None:
    with Cluster(kafka_directory) as cluster:
        fleet = Fleet(cluster.bootstrap, tmp_path / "fleet", "gone.", 1, serving=1)
        fleet.create_topics(PARTITIONS)
        shop, (serving,) = Shop(fleet), fleet.serving
        try:
            shop.describe()
            fleet.start(fleet.workers[0])
            fleet.serve(serving)
            wait_for("it to be ready", serving.ready)
            shop.ask(["before"])
            shop.wait_answered(["before"])
            cluster.kill()
            wait_for("it to say so", lambda: not serving.ready(), 40)
            assert serving.running
            cluster.restart()
            wait_for("it to come back", serving.ready, 60)
            shop.ask(["after"])
            shop.wait_answered(["after"])
        finally:
            fleet.close()


def test_a_consumer_that_never_asks_shows_draws_and_is_learned_from(
    make_shop: Callable[..., Shop],
) -> None:
    """Frequency against propensity: within four standard errors, over all items and places."""
    shop, rnd = make_shop(2), random.Random(4)
    prefix = shop.fleet.names.prefix

    def drawn() -> dict[str, Any]:
        return {
            each.key().decode(): json.loads(each.value())
            for each in shop.records("segment-slates", 1)
        }

    wait_for("draws", lambda: "default" in drawn())
    draws = drawn()["default"]["draws"]
    assert len(draws) == 16
    shown: Counter[tuple[str, int]] = Counter()
    said: dict[tuple[str, int], float] = {}
    slates = 5000
    for number in range(slates):
        draw = rnd.choice(draws)
        for item in draw:
            place = item["item_id"], item["position"]
            shown[place] += 1
            said[place] = item["propensity"]
        user = f"visitor-{number}"
        seen = {"slate_id": f"own-{number}", "user_id": user, "ts": time.time()}
        items = [
            {name: item[name] for name in ("item_id", "position", "propensity")} for item in draw
        ]
        shop.send("impressions", user, {**seen, "segment": "default", "items": items})
        if any(item["item_id"] == ITEMS[3] for item in items):
            shop.send("clicks", user, {**seen, "item_id": ITEMS[3]})
    shop.flush()
    for place, number in shown.items():
        error = (said[place] * (1 - said[place]) / slates) ** 0.5
        assert abs(number / slates - said[place]) <= 4 * error + 1e-9, place
    by_item: Counter[str] = Counter()
    for (item, _place), number in shown.items():
        by_item[item] += number

    def counted() -> dict[str, tuple[int, int]]:
        return {
            row["item_id"]: (row["impressions"], row["clicks"])
            for row in read_counts(shop.fleet.settings, "default")
        }

    want = {item: (number, number if item == ITEMS[3] else 0) for item, number in by_item.items()}
    wait_for("them to be counted", lambda: counted() == want)

    def leading() -> int:
        return sum(draw[0]["item_id"] == ITEMS[3] for draw in drawn()["default"]["draws"])

    # one slot in a hundred is random: of 16 draws a few may begin with another item
    wait_for("the draws to follow", lambda: leading() >= 12)
    # nobody wrote the same twice: each record of a segment differs from the one before it
    written = [each for each in shop.records("segment-slates", 1) if each.key() == b"default"]
    times = [json.loads(each.value())["ts"] for each in written]
    assert all(after - before >= 4.9 for before, after in itertools.pairwise(times))
    assert prefix


def test_a_killed_child_is_started_again_and_counting_goes_on(kafka: str, tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, kafka, f"child-{uuid.uuid4().hex[:8]}.")
    worker.command("topics", "create")

    def child() -> str:
        assert worker.process is not None
        done = subprocess.run(
            ["pgrep", "-P", str(worker.process.pid), "-f", "streams serve"],
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout.strip()

    def metric(name: str) -> float:
        lines = worker.get("/metrics", worker.worker_port)[1].splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    with worker:
        first = child()
        flushes = metric("slatestream_flushes_total")
        subprocess.run(["kill", "-KILL", first], check=True)
        wait_for("another child", lambda: child() not in ("", first))
        seen = {"slate_id": "s", "user_id": "u", "item_id": "i", "position": 0, "ts": time.time()}
        producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
        topic = worker.environ["SLATESTREAM_TOPIC_PREFIX"] + "impressions"
        producer.produce(topic, json.dumps(seen).encode(), b"u")
        assert producer.flush(30) == 0
        wait_for("a flush", lambda: metric("slatestream_flushes_total") > flushes)
        worker.wait_ready()
        second = child()
        assert worker.process is not None
        worker.process.kill()  # the child goes with its worker, however that ends
        worker.process.wait()
        wait_for("the child to end", lambda: not Path(f"/proc/{second}").exists(), 20)
