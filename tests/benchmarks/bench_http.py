"""`POST /v1/slates` with 100 candidates and with none, over 50 connections, idle and beside events,
beside a bare aiohttp JSON echo that gets the same bodies in the same condition; and a long stretch.

    python -m tests.benchmarks http [--seconds N] [--rate 200] [--events 50000] [--long 60]

Open loop: a request is clocked from when it was due. On Apache Kafka (KAFKA_HOME).
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from rich.console import Console
from rich.table import Table

from streams.contract.topics import TopicNames
from streams.kafka.admin import create
from tests.benchmarks.latency_bench import Child
from tests.benchmarks.latency_events import ITEMS, SEGMENTS, catalogue
from tests.benchmarks.latency_system import PARTITIONS, SERVING, System
from tests.cluster import Cluster, free_ports, missing

CONNECTIONS = 50
CANDIDATES = (0, 100)
LONG_PER_S = 1_000
SETTLE_S = 3.0  # of load before the requests
WARM_UP_EVENTS, WARM_UP_EVENTS_PER_S, WARM_UP_S = 100_000, 10_000, 5.0
GOAL_P50_MS, GOAL_P99_MS, GOAL_TIMES = 3.0, 10.0, 3.0  # idle, on an idle machine
FLUSH_TIMEOUT_S = 60.0


class Bench:
    """The system, the echo, and clients."""

    def __init__(self, bootstrap: str, room: pathlib.Path, seconds: float) -> None:
        self.bootstrap, self.seconds = bootstrap, seconds
        self.system = System(bootstrap, room)
        (self._echo_port,) = free_ports(1)
        self._echo = Child("http_echo", port=self._echo_port)
        self._seed = 0

    def prepare(self) -> None:
        """Topics, catalogue, processes, counts, and what is made at the first request."""
        client = self.system.settings.kafka_client()
        create(AdminClient(client), TopicNames(), PARTITIONS, 1)
        producer = Producer({**client, "partitioner": "murmur2_random"})
        for item in catalogue():
            producer.produce(TopicNames().items, orjson.dumps(item), item["item_id"])
        producer.flush(FLUSH_TIMEOUT_S)
        self.system.ensure()
        with self.events(WARM_UP_EVENTS_PER_S, WARM_UP_EVENTS):
            for candidates in CANDIDATES:
                self.ask(200, WARM_UP_S, candidates)
        self.system.wait_counted()

    @contextmanager
    def events(self, per_s: int, count: int) -> Iterator[None]:
        """So many events a second meanwhile; 0: none."""
        if not per_s:
            yield
            return
        self._seed += 1
        load = Child(
            "latency_load",
            bootstrap=self.bootstrap,
            label=f"http{self._seed}",
            events=count,
            per_s=per_s,
            seed=self._seed,
        )
        try:
            load.go()
            time.sleep(SETTLE_S)
            yield
            load.tell()
            load.answer()
        finally:
            load.close()

    def ask(self, per_s: float, seconds: float, candidates: int, echo: bool = False) -> Any:
        """What a client saw."""
        self._seed += 1
        (serving,) = self.system.members[SERVING]
        client = Child(
            "http_client",
            port=self._echo_port if echo else serving.port,
            path="/" if echo else "/v1/slates",
            per_s=per_s,
            seconds=seconds,
            connections=CONNECTIONS,
            candidates=candidates,
            seed=self._seed,
        )
        try:
            client.go()
            return client.answer()
        finally:
            client.close()

    def close(self) -> None:
        """End all processes."""
        self._echo.close()
        self.system.close()


def run(options: list[str]) -> dict[str, Any]:
    """Every condition, one table."""
    parser = argparse.ArgumentParser(prog="bench http")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each condition")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second")
    parser.add_argument("--events", type=int, default=50_000, help="events a second beside")
    parser.add_argument("--long", type=float, default=60.0, help="seconds at 1,000 requests/s")
    asked = parser.parse_args(options)
    reason = missing()
    if reason is not None:
        raise RuntimeError(f"bench http needs Apache Kafka: {reason}")
    with (
        tempfile.TemporaryDirectory(prefix="bench-http-") as directory,
        Cluster(pathlib.Path(directory, "kafka"), heap="1g", measured=True) as kafka,
    ):
        bench = Bench(kafka.bootstrap, pathlib.Path(directory), asked.seconds)
        try:
            bench.prepare()
            rows = list(_measure(bench, asked))
        finally:
            bench.close()
    results = {
        "items": ITEMS,
        "segments": SEGMENTS,
        "connections": CONNECTIONS,
        "rows": rows,
        "load": os.getloadavg()[0],
    }
    show(rows)
    return results


def _measure(bench: Bench, asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for events_per_s in (0, asked.events):
        for candidates in CANDIDATES:
            name = f"{events_per_s:,} events/s" if events_per_s else "idle"
            count = int(events_per_s * (2 * asked.seconds + 3 * SETTLE_S))
            with bench.events(events_per_s, count):
                echo = bench.ask(asked.rate, asked.seconds, candidates, echo=True)
                slate = bench.ask(asked.rate, asked.seconds, candidates)
            bench.system.wait_counted()
            yield _row(name, asked.rate, candidates, slate, echo)
    if asked.long:
        slate = bench.ask(LONG_PER_S, asked.long, 0)
        yield _row(f"idle, {asked.long:g} s", LONG_PER_S, 0, slate, None)


def _row(name: str, per_s: float, candidates: int, slate: Any, echo: Any) -> dict[str, Any]:
    row = {"condition": name, "per_s": per_s, "candidates": candidates, "slate": slate}
    if echo is not None:
        row |= {"echo": echo, "times_p50": slate["p50_ms"] / echo["p50_ms"]}
        row |= {"times_p99": slate["p99_ms"] / echo["p99_ms"]}
    sys.stderr.write(f"{name}, {per_s:g}/s, {candidates} candidates: {_times(slate)} ms\n")
    return row


def _times(found: Any) -> str:
    return f"{found['p50_ms']:.1f} / {found['p90_ms']:.1f} / {found['p99_ms']:.0f}"


def show(rows: list[dict[str, Any]]) -> None:
    """The table."""
    title = (
        f"POST /v1/slates: {ITEMS:,} items, {SEGMENTS} segments, {CONNECTIONS} connections, ms; "
        f"goal idle: p50 {GOAL_P50_MS:g}, p99 {GOAL_P99_MS:g}, {GOAL_TIMES:g} x the echo"
    )
    made = Table(title=title, title_justify="left", box=None)
    for name in ("condition", "requests/s", "candidates", "echo p50/90/99", "slate p50/90/99"):
        made.add_column(name)
    for name in ("times p50/99", "longest", "errors"):
        made.add_column(name, justify="right")
    for row in rows:
        slate, echo = row["slate"], row.get("echo")
        made.add_row(
            row["condition"],
            f"{row['per_s']:,.0f}",
            str(row["candidates"]),
            _times(echo) if echo else "",
            _times(slate),
            f"{row['times_p50']:.1f} / {row['times_p99']:.1f}" if echo else "",
            f"{slate['longest_ms']:.0f}",
            str(slate["errors"]),
        )
    Console(width=160).print(made)
