"""A soak: many events in time-accelerated replay through one worker; memory and disk over time, and
totals at the end.

    python -m tests.benchmarks soak [--events N] [--partitions N] [--samples N] [--lag N]

Event time runs far faster than the clock, with an attribution window of 60 s and a conversion
window of 120 s, so that slates are forgotten all the time: after the first windows neither memory
nor local disk may grow. The producer waits when the worker is `--lag` events behind. On Apache
Kafka (KAFKA_HOME).
"""

from __future__ import annotations

import argparse
import os
import pathlib
import tempfile
import threading
import time
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import Producer
from rich.console import Console
from rich.table import Table

from streams.serving.counts_view import read_counts
from tests.benchmarks.soak_events import EVENTS_PER_S, ITEMS, SEGMENTS, Totals, blocks
from tests.cluster import Cluster, missing
from tests.kafka.fleet import Fleet

WINDOWS = {
    "SLATESTREAM_ATTRIBUTION_WINDOW_S": "60",
    "SLATESTREAM_CONVERSION_WINDOW_S": "120",
    "SLATESTREAM_FLUSH_INTERVAL_MS": "500",
}
BROKER = {"log.segment.bytes": str(64 << 20)}
SAMPLE_EVERY_S = 0.5
READ_S = 300.0
EVENT_TIME_BACK_S = 10 * 86_400.0


class Sample(NamedTuple):
    """One look at the worker."""

    s: float
    events: int
    event_time_s: float
    rss_mb: float
    disk_mb: float


class Feed(threading.Thread):
    """Produces the blocks, never more than `lag` events ahead of `read`."""

    def __init__(self, fleet: Fleet, events: int, lag: int) -> None:
        super().__init__(daemon=True)
        self.totals: Totals = np.zeros((SEGMENTS, ITEMS, 3), dtype=np.int64)
        self.base_s = time.time() - EVENT_TIME_BACK_S
        self.sent = self.read = 0
        self.done = False
        self._blocks = blocks(events, self.base_s, np.random.default_rng(1), self.totals)
        self._topics = fleet.names.impressions, fleet.names.clicks
        self._lag = lag
        config = {
            "linger.ms": 20,
            "compression.type": "lz4",
            "queue.buffering.max.messages": 1_000_000,
            "log_level": 0,
        }
        self._producer = Producer(
            {"bootstrap.servers": fleet.bootstrap, "partitioner": "murmur2_random", **config}
        )

    def run(self) -> None:
        """The thread."""
        for block in self._blocks:
            for feedback, key, value in block.records:
                self._produce(self._topics[feedback], key, value)
            self.sent += len(block.records)
            self._producer.flush(60)
            while self.sent - self.read > self._lag:
                time.sleep(0.05)
        self.done = True

    def _produce(self, topic: str, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(topic, value, key)
                return
            except BufferError:
                self._producer.poll(0.05)


def run(options: list[str]) -> dict[str, Any]:
    """Feed, look, compare; the table has `--samples` lines."""
    parser = argparse.ArgumentParser(prog="bench soak")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--lag", type=int, default=500_000)
    asked = parser.parse_args(options)
    reason = missing()
    if reason is not None:
        raise RuntimeError(f"bench soak needs Apache Kafka: {reason}")
    with (
        tempfile.TemporaryDirectory(prefix="bench-soak-") as room,
        Cluster(pathlib.Path(room, "kafka"), heap="768m", settings=BROKER, measured=True) as kafka,
    ):
        fleet = Fleet(kafka.bootstrap, pathlib.Path(room, "fleet"), "soak.", 1, WINDOWS)
        fleet.create_topics(asked.partitions)
        try:
            samples, feed = _soak(fleet, asked)
            wrong = _differences(fleet, feed.totals)
        finally:
            fleet.close()
    results = {
        "events": feed.sent,
        "samples": [sample._asdict() for sample in samples],
        "differences": wrong,
        "acceleration": samples[-1].event_time_s / samples[-1].s,
        "rss_second_half_over_second_eighth": _growth(samples, "rss_mb"),
        "disk_second_half_over_second_eighth": _growth(samples, "disk_mb"),
        "load": os.getloadavg()[0],
    }
    _print(results, samples, asked.samples)
    return results


def _soak(fleet: Fleet, asked: argparse.Namespace) -> tuple[list[Sample], Feed]:
    worker = fleet.workers[0]
    fleet.start(worker)
    feed = Feed(fleet, asked.events, asked.lag)
    places = [
        (topic, n)
        for topic in (fleet.names.impressions, fleet.names.clicks)
        for n in range(asked.partitions)
    ]
    began = time.monotonic()
    feed.start()
    samples: list[Sample] = []
    while not feed.done or feed.read < feed.sent:
        time.sleep(SAMPLE_EVERY_S)
        if worker.status is not None:
            raise RuntimeError(f"the worker ended with {worker.status}:\n{worker.text()[-3000:]}")
        feed.read = sum(fleet.committed(places).values())
        assert worker.process is not None
        seconds, event_time_s = time.monotonic() - began, feed.read / EVENTS_PER_S
        samples.append(
            Sample(
                seconds,
                feed.read,
                event_time_s,
                _rss_mb(worker.process.pid),
                _disk_mb(worker.data_dir),
            )
        )
        if seconds > READ_S + asked.events / 5_000:
            raise RuntimeError(f"{feed.read} of {feed.sent} events read in {seconds:.0f} s")
    return samples, feed


def _differences(fleet: Fleet, totals: Totals) -> int:
    """Cells whose totals are not what was made."""
    found: Totals = np.zeros_like(totals)
    for row in read_counts(fleet.settings):
        found[int(row["segment"][1:]), int(row["item_id"][1:])] = (
            row["impressions"],
            row["clicks"],
            row["conversions"],
        )
    return int((found != totals).any(axis=2).sum())


def _growth(samples: list[Sample], field: str) -> float:
    """Median of the second half over that of the second eighth: 1 when it levels off at once."""
    values = np.array([getattr(sample, field) for sample in samples])
    eighth = max(1, len(values) // 8)
    return float(np.median(values[len(values) // 2 :]) / np.median(values[eighth : 2 * eighth]))


def _rss_mb(pid: int) -> float:
    return int(pathlib.Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def _disk_mb(directory: pathlib.Path) -> float:
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_size
        except FileNotFoundError:  # RocksDB compacts as we look
            continue
    return total / 2**20


def _print(results: dict[str, Any], samples: list[Sample], lines: int) -> None:
    table = Table(
        "seconds",
        "events",
        "event time, h",
        "RSS, MiB",
        "local disk, MiB",
        title="Soak of one worker",
    )
    for number in np.linspace(0, len(samples) - 1, min(lines, len(samples))).astype(int):
        each = samples[number]
        table.add_row(
            f"{each.s:.0f}",
            f"{each.events:,}",
            f"{each.event_time_s / 3600:.1f}",
            f"{each.rss_mb:.0f}",
            f"{each.disk_mb:.1f}",
        )
    console = Console()
    console.print(table)
    console.print(
        f"{results['events']:,} events, {results['differences']} differences; second half over "
        "the second eighth: "
        f"RSS {results['rss_second_half_over_second_eighth']:.2f}, disk "
        f"{results['disk_second_half_over_second_eighth']:.2f}"
    )
