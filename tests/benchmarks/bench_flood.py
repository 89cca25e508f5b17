"""One client's flood, and everybody else: `python -m tests.benchmarks flood [options]`.

    --items N         in the catalogue (2000)
    --requests N      of the flood, at once (3000)
    --floods F ...    default none segments counted candidates http

A worker and its serving process on Apache Kafka, one partition for all. An honest user asks every
50 ms; `honest p50` and `longest` are from before `produce()` to the receipt of the slate, while one
other user floods: with a segment each of its own (`segments`), with 300 segments that have counts
(`counted`), with a list of candidates each of its own (`candidates`), with batches of those over
HTTP (`http`). `flood s` is how long the flood takes; `healthz` the longest silence of /healthz.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import Consumer, Producer

from tests.benchmarks.bench_vectors import Probe, get, show
from tests.cluster import Cluster
from tests.streams.worker_process import WorkerProcess

FLOODS = ("none", "segments", "counted", "candidates", "http")
EVERY_S = 0.05
COUNTED = 300
BATCH = 50
DRAIN_S = 120.0


class Slates(threading.Thread):
    """When each slate came."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        super().__init__(daemon=True)
        self.came: dict[str, float] = {}
        self.ended = False
        group = f"flood-{time.time_ns()}"
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest"}
            | {"fetch.wait.max.ms": 5}
        )
        self._consumer.subscribe([topic])

    def run(self) -> None:
        """Until `ended`."""
        while not self.ended:
            record = self._consumer.poll(0.05)
            if record is not None and record.error() is None:
                self.came[json.loads(record.value())["slate_id"]] = time.perf_counter()
        self._consumer.close()


def run(options: list[str]) -> dict[str, object]:
    """Measure, print one table, return what stands in it."""
    parser = argparse.ArgumentParser(prog="flood")
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--requests", type=int, default=3000)
    parser.add_argument("--floods", nargs="+", default=list(FLOODS), choices=FLOODS)
    asked = parser.parse_args(options)
    rows = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Cluster(Path(folder) / "kafka", measured=True) as kafka,
    ):
        prefix = "flood."
        worker = WorkerProcess(
            Path(folder), kafka.bootstrap, prefix, SLATESTREAM_TOPIC_PARTITIONS="1"
        )
        worker.command("topics", "create", "--json")
        producer = Producer({"bootstrap.servers": kafka.bootstrap, "linger.ms": 0, "log_level": 2})
        prepare(producer, prefix, asked.items)
        slates = Slates(kafka.bootstrap, f"{prefix}slates")
        with worker:
            slates.start()
            flood("none", worker, producer, slates, asked)  # everything is warm
            for name in asked.floods:
                rows.append(flood(name, worker, producer, slates, asked))
            slates.ended = True
            slates.join()
            worker.stop()
    show(f"{asked.requests} requests of one user, {asked.items} items", rows)
    return {"rows": rows}


def prepare(producer: Producer, prefix: str, n_items: int) -> None:
    """Items, and counts in some segments."""
    for number in range(n_items):
        item = {"item_id": f"i{number}"}
        producer.produce(f"{prefix}items", json.dumps(item), f"i{number}")
    for number in range(COUNTED):
        seen = {"slate_id": f"c{number}", "user_id": "u", "items": [f"i{i}" for i in range(10)]}
        seen |= {"segment": f"counted-{number}", "ts": time.time()}
        producer.produce(f"{prefix}impressions", json.dumps(seen), "u")
        producer.poll(0)
    producer.flush()


def wanted(name: str, number: int, n_items: int, rng: np.random.Generator) -> dict[str, Any]:
    """A request of the flood."""
    found: dict[str, Any] = {"request_id": f"{name}-{number}-{time.time_ns()}", "user_id": "bot"}
    if name == "segments":
        found["segment"] = f"own-{number}"
    elif name == "counted":
        found["segment"] = f"counted-{number % COUNTED}"
    else:
        own = rng.permutation(n_items)[: n_items // 2].tolist()
        found["candidates"] = [f"i{each}" for each in own]
    return found | {"ts": time.time()}


def flood(
    name: str, worker: WorkerProcess, producer: Producer, slates: Slates, asked: Any
) -> dict[str, Any]:
    """One flood, with the honest user's requests from before it until it is answered."""
    prefix, rng = "flood.", np.random.default_rng(1)
    sent: dict[str, float] = {}
    over = threading.Event()
    n = 0 if name == "none" else asked.requests // (5 if name == "http" else 1)
    requests = [wanted(name, number, asked.items, rng) for number in range(n)]

    def honest() -> None:
        while not over.is_set():
            request_id = f"honest-{time.time_ns()}"
            said = {"request_id": request_id, "user_id": "honest", "ts": time.time()}
            sent[request_id] = time.perf_counter()
            producer.produce(f"{prefix}slate-requests", json.dumps(said), "honest")
            producer.poll(0)
            time.sleep(EVERY_S)

    probe, asker = Probe(worker.port), threading.Thread(target=honest)
    probe.start()
    asker.start()
    time.sleep(1.0)
    began = time.perf_counter()
    if name == "http":
        for first in range(0, n, BATCH):
            get(worker.port, "/v1/slates:batch", requests[first : first + BATCH])
    for each in requests if name != "http" else ():
        producer.produce(f"{prefix}slate-requests", json.dumps(each), "bot")
        producer.poll(0)
    end = time.perf_counter() + DRAIN_S
    ids = {each["request_id"] for each in requests}
    while not ids <= slates.came.keys() and time.perf_counter() < end:
        time.sleep(0.02)
    took_s = time.perf_counter() - began
    time.sleep(1.0)
    over.set()
    asker.join()
    while not sent.keys() <= slates.came.keys() and time.perf_counter() < end:
        time.sleep(0.02)
    probe.ended = True
    waits = [slates.came.get(each, end) - at for each, at in sent.items()]
    return {
        "flood": name,
        "requests": n,
        "flood s": took_s if n else 0.0,
        "honest p50 ms": float(np.median(waits)) * 1e3,
        "longest ms": max(waits) * 1e3,
        "healthz ms": probe.longest_s * 1e3,
    }
