"""Refresh under load: a steady stream of slate requests while encoder releases are swapped under a
running worker.

Two encoders of a film catalogue are published in turn. Each request's time runs from its production
to its slate's arrival at a plain consumer. Requests that see no swap are the baseline of the same
run; the window of a swap is from the publication to the last worker answer that still carries the
release before, and half a second beyond. Lost, failed or doubled replies are counted over the whole
run.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any, NamedTuple

import numpy as np
import orjson
from confluent_kafka import Consumer, Producer
from rich.console import Console
from rich.table import Table

from encoder.corpus.teacher import packaged_teacher
from encoder.release.publish import Judged, publish
from encoder.release.shelf import Shelf
from encoder.serving.artifact import Artifact
from encoder.serving.text import item_text
from encoder.serving.wire import Thresholds
from encoder.training.closed_form import quick
from streams.contract.topics import TopicNames
from streams.demo.films import film_items
from tests.cluster import Cluster
from tests.kafka.fleet import Fleet, wait_for

AFTER_S = 0.5  # still counted as the swap's window


class Answer(NamedTuple):
    """When a reply came, how long after its request, and under which release."""

    at_s: float
    latency_s: float
    encoder: str | None


class Traffic(threading.Thread):
    """Requests at a steady rate, and their replies."""

    def __init__(self, bootstrap: str, names: TopicNames, rate_per_s: float, segments: int) -> None:
        super().__init__(daemon=True)
        self.bootstrap, self.names, self.rate_per_s, self.segments = (
            bootstrap,
            names,
            rate_per_s,
            segments,
        )
        self.sent: dict[str, float] = {}
        self.answers: dict[str, list[Answer]] = {}
        self.over = threading.Event()
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def run(self) -> None:
        self._listener.start()
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 0})
        began, number = time.monotonic(), 0
        while not self.over.is_set():
            name = f"r{number}"
            user = f"u{number % 997}"
            request = {
                "request_id": name,
                "user_id": user,
                "k": 10,
                "segment": f"s{number % self.segments}",
                "ts": time.time(),
            }
            self.sent[name] = time.monotonic()
            producer.produce(self.names.slate_requests, orjson.dumps(request), user)
            producer.poll(0)
            number += 1
            time.sleep(max(0.0, began + number / self.rate_per_s - time.monotonic()))
        producer.flush()

    def _listen(self) -> None:
        config = {
            "bootstrap.servers": self.bootstrap,
            "group.id": "refresh-bench",
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 5,
        }
        consumer = Consumer(config)
        consumer.subscribe([self.names.slates])
        while True:
            record = consumer.poll(0.1)
            if record is None or record.error():
                continue
            now, slate = time.monotonic(), orjson.loads(record.value())
            answer = Answer(now, now - self.sent[slate["slate_id"]], slate["encoder"])
            self.answers.setdefault(slate["slate_id"], []).append(answer)

    def settle(self) -> None:
        """Stop sending and wait for the last replies."""
        self.over.set()
        self.join()
        wait_for(
            "every request to be answered",
            lambda: len(self.answers) == len(self.sent),
            timeout_s=30,
        )
        time.sleep(1.0)  # a second reply to the same request would come now


def run(options: list[str]) -> dict[str, Any]:
    """Measure; `--items`, `--rate`, `--seconds`, `--swaps`."""
    parser = argparse.ArgumentParser(prog="bench refresh")
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--rate", type=float, default=200.0)
    parser.add_argument(
        "--seconds",
        type=float,
        default=6.0,
        help="of steady load before, between and after the swaps",
    )
    parser.add_argument("--swaps", type=int, default=4)
    parser.add_argument("--segments", type=int, default=8)
    asked = parser.parse_args(options)
    items = film_items()[: asked.items]
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        artifacts = [_encoder(items, place / f"encoder-{dim}", dim) for dim in (128, 96)]
        with Cluster(place / "kafka", measured=True) as kafka:
            results = _measure(kafka.bootstrap, place, items, artifacts, asked)
    _show(results)
    return results


def _encoder(items: list[dict[str, Any]], out: pathlib.Path, dim: int) -> Artifact:
    return quick(items, packaged_teacher(), out, dim=dim, tokens=8_000)


def _measure(
    bootstrap: str,
    place: pathlib.Path,
    items: list[dict[str, Any]],
    artifacts: list[Artifact],
    asked: argparse.Namespace,
) -> dict[str, Any]:
    settings = {
        "SLATESTREAM_RELEASES_DIR": str(place / "releases"),
        "SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": "6",
    }
    fleet = Fleet(bootstrap, place / "fleet", "refresh.", 1, settings)
    names = fleet.names
    fleet.create_topics(4)
    producer = Producer({"bootstrap.servers": bootstrap})
    for item in items:
        producer.produce(names.items, orjson.dumps(item), item["item_id"])
    producer.flush()
    shelf = Shelf({"bootstrap.servers": bootstrap}, names, place / "releases")
    texts = {item["item_id"]: item_text(item) for item in items}
    swaps: list[tuple[float, str]] = []

    def swap(number: int) -> None:
        outcome = publish(
            artifacts[number % 2], texts, Judged({}, {}, Thresholds()), shelf, time.time()
        )
        assert outcome.release is not None, outcome.reasons
        swaps.append((time.monotonic(), outcome.release.version))

    swap(0)
    fleet.start(fleet.workers[0])
    traffic = Traffic(bootstrap, names, asked.rate, asked.segments)
    try:
        wait_for("the worker to be ready", lambda: _ready(fleet), timeout_s=60)
        traffic.start()
        time.sleep(asked.seconds)
        for number in range(1, asked.swaps + 1):
            swap(number)
            time.sleep(asked.seconds)
        traffic.settle()
    finally:
        fleet.close()
    return _judge(traffic, swaps, asked)


def _ready(fleet: Fleet) -> bool:
    url = f"http://127.0.0.1:{fleet.workers[0].port}/readyz"
    return subprocess.run(["curl", "-sf", url], capture_output=True, check=False).returncode == 0


def _judge(
    traffic: Traffic, swaps: list[tuple[float, str]], asked: argparse.Namespace
) -> dict[str, Any]:
    answers = sorted((each[0] for each in traffic.answers.values()), key=lambda answer: answer.at_s)
    windows = []
    for (began, version), (_before, old) in zip(swaps[1:], swaps[:-1], strict=True):
        first_new = next((a.at_s for a in answers if a.at_s > began and a.encoder == version), None)
        if first_new is None:
            sys.exit(f"release {version} never reached a slate")
        last_old = max(
            (
                a.at_s
                for a in answers
                if began < a.at_s and a.encoder == old and a.at_s < first_new + 5
            ),
            default=began,
        )
        # the worker sees the records while they are published: the window opens before the
        # publisher returns
        windows.append((began - 1.0, max(first_new, last_old) + AFTER_S))
    warm = answers[0].at_s + 2.0
    inside = [a for a in answers if any(low <= a.at_s <= high for low, high in windows)]
    outside = [
        a
        for a in answers
        if a.at_s > warm and not any(low <= a.at_s <= high for low, high in windows)
    ]
    gaps = [
        max(np.diff([a.at_s for a in answers if low <= a.at_s <= high]), default=0.0) * 1000
        for low, high in windows
    ]
    return {
        "items": asked.items,
        "requests_per_s": asked.rate,
        "requests": len(traffic.sent),
        "answered": len(traffic.answers),
        "answered_twice": sum(len(each) > 1 for each in traffic.answers.values()),
        "swaps": len(windows),
        "steady": _latency([a.latency_s for a in outside]),
        "swap": _latency([a.latency_s for a in inside]),
        "longest_pause_ms": max(gaps),
    }


def _latency(seconds: list[float]) -> dict[str, float]:
    ms = np.array(seconds) * 1000
    return {
        "n": len(ms),
        "p50_ms": float(np.percentile(ms, 50)),
        "p99_ms": float(np.percentile(ms, 99)),
        "max_ms": float(ms.max()),
    }


def _show(results: dict[str, Any]) -> None:
    table = Table(
        title=f"Refresh under load: {results['items']} items, {results['requests_per_s']:g} "
        f"requests/s, {results['swaps']} swaps"
    )
    for column in ("", "requests", "p50 ms", "p99 ms", "max ms"):
        table.add_column(column, justify="right" if column else "left")
    for name in ("steady", "swap"):
        row = results[name]
        table.add_row(
            name,
            str(row["n"]),
            f"{row['p50_ms']:.1f}",
            f"{row['p99_ms']:.1f}",
            f"{row['max_ms']:.1f}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"requests {results['requests']}, answered {results['answered']}, twice "
        f"{results['answered_twice']}; "
        f"longest pause between replies during a swap {results['longest_pause_ms']:.0f} ms"
    )
