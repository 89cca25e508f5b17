"""Serving at many cells: memory, start, and slates of one serving process, by the number of
(segment, item) pairs that were seen.

    python -m tests.benchmarks state [--cells N N ...] [--segments N] [--items N] [--partitions N]

The counts changelog is filled as workers fill it, each cell in two partitions; then a serving
process starts. Measured are the seconds until it is ready, its largest memory until then, and
slates of ten over HTTP, one after the other at `--rate`, in twenty segments, while rows come in: in
the first seconds of a process all its segments are prepared, so these are left out. Click rates of
items are gamma of shape 0.3 and mean 2%, as in `bench catalogue`. Last, 7,000
segments and 7,000 items that nobody heard of come into the smallest state, one impression each. On
Apache Kafka (KAFKA_HOME).
"""

from __future__ import annotations

import argparse
import http.client
import itertools
import json
import pathlib
import tempfile
import threading
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from streams.contract.count_rows import CountRow, before, encode_count, encode_count_key
from streams.kafka.changelogs import ensure_changelogs
from tests.cluster import Cluster, missing
from tests.kafka.fleet import Fleet, Serving, wait_for

READY_S = 1800.0
ASKED_SEGMENTS = 20
WARM_S = 15.0
ROWS_PER_S = 500
ATTACK = 7000
RATES = 4096
STRIDE = 7919  # prime to the number of items: the items of a segment are all over the catalogue
SIZES = [10_000, 1_000_000, 10_000_000]


class Sizes(NamedTuple):
    """Of one state."""

    cells: int
    segments: int
    items: int
    partitions: int


class Figures(NamedTuple):
    """Of one serving process."""

    cells: int
    ready_s: float
    peak_mb: float
    memory_mb: float
    p50_ms: float
    p99_ms: float
    slates: int


def cells(sizes: Sizes) -> Iterator[tuple[int, int]]:
    """Segment and item of each cell, all different."""
    for number in range(sizes.cells):
        turn, segment = divmod(number, sizes.segments)
        yield segment, (turn * STRIDE + segment * 31) % sizes.items


class Log:
    """Writes the counts changelog."""

    def __init__(self, fleet: Fleet, partitions: int) -> None:
        self.topic, self.partitions = fleet.changelogs()[0], partitions
        ensure_changelogs(
            AdminClient({"bootstrap.servers": fleet.bootstrap}),
            fleet.changelogs(),
            partitions,
            fleet.settings,
        )
        config = {
            "linger.ms": 50,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000,
            "log_level": 0,
        }
        self._producer = Producer({"bootstrap.servers": fleet.bootstrap, **config})
        rng = np.random.default_rng(0)
        self._values = [_value(rng) for _ in range(RATES)]

    def write(self, segment: str, item: str, partition: int, rate: int) -> None:
        """A row that was not there before; items of one number `rate` have one click rate."""
        key, value = encode_count_key(segment, item), self._values[rate % RATES]
        self._send(self.topic, key, value, partition)

    def _send(self, topic: str, key: bytes, value: bytes, partition: int) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key, partition)
                return
            except BufferError:
                self._producer.poll(0.05)

    def fill(self, topic: str, sizes: Sizes) -> None:
        """All items described, and each cell in two partitions."""
        for item in range(sizes.items):
            name = f"item-{item}"
            self._send(topic, name.encode(), b'{"item_id": "%s"}' % name.encode(), -1)
        for segment, item in cells(sizes):
            for partition in (segment % sizes.partitions, (segment + 5) % sizes.partitions):
                self.write(f"segment-{segment}", f"item-{item}", partition, item)
        self.flush()

    def flush(self) -> None:
        """Wait until the log has everything."""
        self._producer.flush(600)


class Trickle(threading.Thread):
    """Rows of cells that are there grow, `ROWS_PER_S` a second."""

    def __init__(self, log: Log, sizes: Sizes) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self._log, self._sizes = log, sizes

    def run(self) -> None:
        known = list(itertools.islice(cells(self._sizes), 200_000))
        at = 0
        while not self.over.wait(0.1):
            for _ in range(ROWS_PER_S // 10):
                segment, item = known[at * 7 % len(known)]
                partition = segment % self._sizes.partitions
                self._log.write(f"segment-{segment}", f"item-{item}", partition, item)
                at += 1
        self._log.flush()


def _value(rng: np.random.Generator) -> bytes:
    row = CountRow()
    none = before(row, discounted=False)
    row.impressions = row.examined = float(rng.integers(1, 200))
    row.clicks = float(rng.binomial(int(row.impressions), min(1.0, rng.gamma(0.3, 0.02 / 0.3))))
    return encode_count(row, None, none, time.time())


def memory_mb(serving: Serving, name: str) -> float:
    """`VmRSS`, or `VmHWM`, of a process."""
    assert serving.process is not None
    status = pathlib.Path(f"/proc/{serving.process.pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) / 1024


def latencies_ms(serving: Serving, sizes: Sizes, seconds: float, rate: float) -> list[float]:
    """Of slates over HTTP, one after the other."""
    connection = http.client.HTTPConnection("127.0.0.1", serving.port, timeout=60)
    found, began, number = [], time.perf_counter(), 0
    while time.perf_counter() - began < seconds + WARM_S:
        segment = f"segment-{number % ASKED_SEGMENTS * (sizes.segments // ASKED_SEGMENTS)}"
        body = json.dumps({"user_id": f"u{number}", "k": 10, "segment": segment})
        sent = time.perf_counter()
        connection.request("POST", "/v1/slates", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        items = json.loads(answer.read())["items"]
        if answer.status != 200 or len(items) != 10:
            raise RuntimeError(f"expected a slate of 10, found {answer.status} with {len(items)}")
        if sent - began > WARM_S:
            found.append(1000 * (time.perf_counter() - sent))
        number += 1
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
    connection.close()
    return found


def measure(
    bootstrap: str, room: pathlib.Path, sizes: Sizes, asked: argparse.Namespace
) -> tuple[Figures, dict[str, float]]:
    """One state, filled and served; and memory before and after the attack, where it is due."""
    fleet = Fleet(bootstrap, room / f"{sizes.cells}", f"n{sizes.cells}.", 0, serving=1)
    attack: dict[str, float] = {}
    try:
        fleet.create_topics(sizes.partitions)
        log = Log(fleet, sizes.partitions)
        log.fill(fleet.names.items, sizes)
        (serving,) = fleet.serving
        began = time.monotonic()
        fleet.serve(serving)
        wait_for("the serving process to be ready", serving.ready, READY_S)
        ready_s, peak_mb = time.monotonic() - began, memory_mb(serving, "VmHWM")
        trickle = Trickle(log, sizes)
        trickle.start()
        times = latencies_ms(serving, sizes, asked.seconds, asked.rate)
        trickle.over.set()
        trickle.join()
        now_mb = memory_mb(serving, "VmRSS")
        if sizes.cells == min(asked.cells):
            for number in range(ATTACK):
                log.write(f"invented-{number}", f"unheard-{number}", number % sizes.partitions, 0)
            log.flush()
            time.sleep(20.0)
            attack = {"before_mb": now_mb, "after_mb": memory_mb(serving, "VmRSS")}
        p50, p99 = np.percentile(times, [50, 99])
        figures = Figures(sizes.cells, ready_s, peak_mb, now_mb, float(p50), float(p99), len(times))
        return figures, attack
    finally:
        fleet.close()
        fleet.delete_topics()


def run(options: list[str]) -> dict[str, Any]:
    """Measure each size on a broker of its own."""
    parser = argparse.ArgumentParser(prog="bench state")
    parser.add_argument("--cells", type=int, nargs="+", default=SIZES)
    parser.add_argument("--segments", type=int, default=5000)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--seconds", type=float, default=60.0)
    asked = parser.parse_args(options)
    reason = missing()
    if reason is not None:
        raise RuntimeError(f"bench state needs Apache Kafka: {reason}")
    rows, attack = [], {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-state-") as room,
        Cluster(pathlib.Path(room, "kafka"), measured=True) as kafka,
    ):
        for number in sorted(asked.cells):
            sizes = Sizes(number, asked.segments, asked.items, asked.partitions)
            figures, found = measure(kafka.bootstrap, pathlib.Path(room), sizes, asked)
            rows.append(figures)
            attack |= found
    table = Table(title=f"{asked.segments:,} segments, {asked.items:,} items")
    for heading in ("cells", "ready s", "peak MB", "MB", "slate p50 ms", "p99 ms", "p99 ratio"):
        table.add_column(heading, justify="right")
    for row in rows:
        numbers = (row.ready_s, row.peak_mb, row.memory_mb, row.p50_ms, row.p99_ms)
        ratio = row.p99_ms / rows[0].p99_ms
        table.add_row(f"{row.cells:,}", *(f"{each:.1f}" for each in numbers), f"{ratio:.2f}")
    Console().print(table)
    Console().print(f"{ATTACK:,} new segments and items: {attack}")
    return {"states": [row._asdict() for row in rows], "attack": attack}
