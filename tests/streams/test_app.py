"""From end to end: a worker, and a producer and a consumer in plain confluent-kafka that know only
the contract.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams import app as app_module
from streams.app import lock_data_dir
from streams.config import SettingsError
from tests.streams.making import settings
from tests.streams.topics_on import until
from tests.streams.worker_process import ROOT, WorkerProcess

SEGMENTS, ITEMS, USERS = ("s0", "s1"), [f"item-{number}" for number in range(20)], 40
BAD = {
    b"{": "broken JSON",
    b'{"slate_id":"x","user_id":"u"}': "missing required field `ts`",
    b'{"slate_id":"x","user_id":"u","item_id":7,"position":0,"ts":1}': (
        "field `item_id`: expected `str | null`, got `int`, found 7"
    ),
    b'{"slate_id":"x","user_id":"u","item_id":"i","position":-1,"ts":1}': (
        "field `position`: expected `int` >= 0, found -1"
    ),
    b'{"slate_id":"x","user_id":"u","item_id":"i","position":0,"ts":1,"x":"'
    + b"y" * 2_000_000
    + b'"}': "expected at most 1000000 bytes",
}
SLATE = {
    "slate_id": str,
    "request_id": str,
    "user_id": str,
    "group": str,
    "segment": str,
    "variant": str,
    "policy": str,
    "policy_version": str,
    "encoder": str | None,
    "counts_ts": float,
    "items": list,
    "ts": float,
}
SLATE_ITEM = {"item_id": str, "position": int, "score": float, "propensity": float, "why": dict}


class User:
    """All that a user of the system has: a producer, a consumer, and the contract."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        client = {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "message.max.bytes": 4_000_000,
            "log_level": 0,
        }
        self.producer = Producer(client)
        self.truth: Counter[tuple[str, str, str]] = Counter()

    def send(self, topic: str, key: str, value: dict[str, Any] | bytes | None) -> None:
        encoded = json.dumps(value).encode() if isinstance(value, dict) else value
        self.producer.produce(self.prefix + topic, encoded, key.encode())
        self.producer.poll(0)

    def flush(self) -> None:
        assert self.producer.flush(60) == 0

    def describe(self) -> None:
        for item in ITEMS:
            self.send(
                "items",
                item,
                {
                    "item_id": item,
                    "title": item.upper(),
                    "category": "even" if int(item[5:]) % 2 == 0 else "odd",
                },
            )

    def look_and_click(self, slates: int) -> None:
        """Slates of five; an item in four is clicked; a tenth of everything is sent twice."""
        rng, start_s = random.Random(1), time.time() - 600
        for number in range(slates):
            user, segment = f"user-{number % USERS}", rng.choice(SEGMENTS)
            for position, item in enumerate(rng.sample(ITEMS, 5)):
                event = {
                    "slate_id": f"seen-{number}",
                    "user_id": user,
                    "item_id": item,
                    "ts": start_s + number * 0.01,
                }
                shown = {**event, "position": position, "segment": segment}
                self.truth[segment, item, "impressions"] += 1
                clicked = rng.random() < 0.25
                self.truth[segment, item, "clicks"] += clicked
                for _ in range(1 + (rng.random() < 0.1)):
                    self.send("impressions", user, shown)
                for _ in range(clicked * (1 + (rng.random() < 0.1))):
                    self.send("clicks", user, {**event, "ts": event["ts"] + 2.0})

    def request(self, count: int, k: int = 4) -> list[str]:
        names = [f"request-{uuid.uuid4().hex}" for _ in range(count)]
        for number, name in enumerate(names):
            user = f"user-{number % USERS}"
            self.send(
                "slate-requests",
                user,
                {
                    "request_id": name,
                    "user_id": user,
                    "k": k,
                    "segment": SEGMENTS[number % 2],
                    "ts": time.time(),
                },
            )
        return names

    def read(self, topic: str, wanted: int, timeout_s: float = 90.0) -> list[Any]:
        """`wanted` records of a topic, and whatever else comes in the second after them."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                "group.id": "reader",
                "isolation.level": "read_committed",
            }
        )
        consumer.assign([TopicPartition(self.prefix + topic, number, 0) for number in range(3)])
        found: list[Any] = []
        end = time.monotonic() + timeout_s
        while time.monotonic() < end:
            records = [record for record in consumer.consume(500, 0.2) if record.error() is None]
            found += records
            if len(found) >= wanted:
                end = min(end, time.monotonic() + 1.0)
        consumer.close()
        return found


class System:
    """A worker that has counted 300 slates and answered 60 requests, and its user."""

    def __init__(self, worker: WorkerProcess, user: User, requests: list[str]) -> None:
        self.worker, self.user, self.requests = worker, user, requests


@pytest.fixture(scope="module")
def system(local_broker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    prefix = f"e2e-{uuid.uuid4().hex[:8]}."
    worker = WorkerProcess(tmp_path_factory.mktemp("worker"), local_broker, prefix)
    worker.command("topics", "create")
    user = User(local_broker, prefix)
    user.describe()
    user.look_and_click(300)
    for value in BAD:
        user.send("impressions", "user-0", value)
    user.send(
        "impressions", "", {"slate_id": "x", "user_id": "u", "item_id": "i", "position": 0, "ts": 1}
    )
    user.flush()
    with worker:
        requests = user.request(60)
        user.flush()
        yield System(worker, user, requests)


pytestmark = pytest.mark.local


def test_every_request_gets_one_slate_as_the_contract_describes_it(system: System) -> None:
    slates = [
        json.loads(record.value()) for record in system.user.read("slates", len(system.requests))
    ]
    assert sorted(slate["slate_id"] for slate in slates) == sorted(system.requests)
    for slate in slates:
        assert slate.keys() == SLATE.keys()
        assert all(isinstance(slate[field], kind) for field, kind in SLATE.items())
        assert slate["request_id"] == slate["slate_id"]
        assert slate["segment"] in SEGMENTS
        items = slate["items"]
        assert [item["position"] for item in items] == [0, 1, 2, 3]
        assert len({item["item_id"] for item in items} & set(ITEMS)) == 4
        for item in items:
            assert item.keys() == SLATE_ITEM.keys()
            assert all(isinstance(item[field], kind) for field, kind in SLATE_ITEM.items())
            assert 0 < item["propensity"] <= 1
            assert item["why"]


def test_replies_carry_the_users_key(system: System) -> None:
    keys = {
        json.loads(record.value())["user_id"]: record.key()
        for record in system.user.read("slates", len(system.requests))
    }
    assert all(key == user.encode() for user, key in keys.items())


def test_exported_counts_equal_a_recount_of_what_was_produced(system: System) -> None:
    def found() -> Counter[tuple[str, str, str]]:
        rows = system.worker.command("stats", "export")
        return Counter(
            {
                (row["segment"], row["item_id"], what): row[what]
                for row in rows
                for what in ("impressions", "clicks")
                if row[what]
            }
        )

    wanted = +system.user.truth
    until(lambda: found().total() >= wanted.total(), 60)
    assert found() == wanted


def test_each_bad_event_is_one_dead_letter_with_place_and_reason(system: System) -> None:
    letters = [
        json.loads(record.value()) for record in system.user.read("dead-letters", len(BAD) + 1)
    ]
    assert len(letters) == len(BAD) + 1
    assert len(
        {(letter["topic"], letter["partition"], letter["offset"]) for letter in letters}
    ) == len(letters)
    assert {letter["topic"] for letter in letters} == {system.user.prefix + "impressions"}
    for reason in (*BAD.values(), "expected the user's id as key, found none"):
        assert sum(reason in letter["reason"] for letter in letters) == 1, reason
    assert all(len(letter["value"]) <= 65_536 for letter in letters)


def test_health_readiness_and_metrics_are_served(system: System) -> None:
    lines = {
        system.worker.port: [
            f"slatestream_requests_total {len(system.requests)}.0",
            f"slatestream_request_seconds_count {len(system.requests)}.0",
            f"slatestream_compute_seconds_count {len(system.requests)}.0",
        ],
        system.worker.worker_port: [
            "slatestream_partitions 3.0",
            'slatestream_events_total{outcome="rejected",segment=""} 6.0',
        ],
    }
    for port, expected in lines.items():
        status, text = system.worker.get("/healthz", port)
        assert (status, json.loads(text)) == (200, {"status": "alive"})
        assert system.worker.get("/readyz", port)[0] == 200
        status, text = system.worker.get("/metrics", port)
        assert status == 200
        for line in expected:
            assert line in text.splitlines()
        assert system.worker.get("/nothing-here", port)[0] == 404


def test_an_answer_comes_while_the_worker_counts(system: System) -> None:
    """One request by the command that users have."""
    (slate,) = system.worker.command(
        "request", "--user", "user-1", "--segment", "s0", "--k", "2", "--json"
    )
    assert len(slate["items"]) == 2


def test_a_second_worker_in_the_same_data_directory_is_refused(system: System) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams", "worker"],
        cwd=ROOT,
        env={**system.worker.environ, "SLATESTREAM_WORKER_HTTP_PORT": "1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode != 0
    assert (
        "is held by another worker; give each worker a directory of its own"
        in done.stdout + done.stderr
    )


def test_a_port_that_is_taken_is_one_line_and_status_2(system: System) -> None:
    environ = system.worker.environ | {"SLATESTREAM_DATA_DIR": str(system.worker.log) + ".data"}
    status, lines = faust_worker(environ)
    assert status == 2
    name = "SLATESTREAM_WORKER_HTTP_PORT"
    (line,) = [line for line in lines if f"{name}: expected a port that is free" in line]
    assert environ[name] in line


def test_after_sigterm_everything_is_flushed_and_the_next_start_goes_on(system: System) -> None:
    """Runs last: the worker ends."""
    last = {
        "slate_id": "last",
        "user_id": "user-0",
        "item_id": "item-0",
        "position": 0,
        "segment": "end",
        "ts": time.time(),
    }
    system.user.send("impressions", "user-0", last)
    system.user.flush()
    until(
        lambda: (
            'outcome="impression",segment="end"'
            in system.worker.get("/metrics", system.worker.worker_port)[1]
        ),
        30,
    )
    assert system.worker.stop() == 0
    assert system.worker.command("stats", "export", "--segment", "end") == [
        {
            "segment": "end",
            "item_id": "item-0",
            "impressions": 1,
            "clicks": 0,
            "conversions": 0,
            "value": 0.0,
        }
    ]


def test_importing_the_module_builds_nothing() -> None:
    code = "import streams.app; assert not streams.app._apps"
    assert (
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=120, check=False).returncode
        == 0
    )
    with pytest.raises(AttributeError, match="no attribute 'application'"):
        _ = app_module.application


def test_a_data_directory_is_held_by_one_process_until_it_lets_go(tmp_path: Path) -> None:
    lock = lock_data_dir(settings(tmp_path))
    with pytest.raises(SettingsError, match="is held by another worker"):
        lock_data_dir(settings(tmp_path))
    lock.close()
    lock_data_dir(settings(tmp_path)).close()


def faust_worker(environ: dict[str, str]) -> tuple[int, list[str]]:
    """Exit status of `faust -A streams.app worker`, and what it wrote."""
    done = subprocess.run(
        [sys.executable, "-m", "faust", "-A", "streams.app", "worker", "-l", "info"],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    return done.returncode, said.splitlines()


def test_missing_topics_are_one_line_and_status_1(local_broker: str, tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, local_broker, f"no-topics-{uuid.uuid4().hex[:8]}.")
    status, lines = faust_worker(worker.environ)
    assert status == 1
    (line,) = [line for line in lines if line.startswith("slatestream:")]
    assert "run `slatestream topics create`" in line


def test_wrong_settings_are_one_line_and_status_2_when_faust_starts_it(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path, "127.0.0.1:1", "nothing.")
    (tmp_path / "file").write_text("")
    for name, value in (
        ("SLATESTREAM_TOPIC_PARTITIONS", "many"),
        ("SLATESTREAM_DATA_DIR", str(tmp_path / "file" / "data")),
        ("SLATESTREAM_POLICY_FILE", str(tmp_path / "file" / "policy.toml")),
    ):
        status, lines = faust_worker(worker.environ | {name: value})
        assert status == 2, name
        (line,) = [line for line in lines if line.startswith("slatestream:")]
        assert value in line
    tls = {"KAFKA_SECURITY_PROTOCOL": "SSL", "KAFKA_SSL_CAFILE": str(tmp_path / "file")}
    status, lines = faust_worker(worker.environ | tls)
    assert status == 2
    (line,) = [line for line in lines if line.startswith("slatestream:")]
    assert line.startswith("slatestream: KAFKA_SSL_CAFILE: expected a file of PEM certificates")
