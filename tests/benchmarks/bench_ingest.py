"""Events per second of one worker with durable counts, beside three others: same broker, same
events, same run.

    plain     a confluent-kafka loop, parse and dict: the yardstick, it keeps nothing
    lists     the worker over the same impressions, those of a slate in one event
    worker    slatestream: attribution, duplicates, one transaction per flush, RocksDB
    streams   Kafka Streams, exactly once, one thread: counts only (KAFKA_STREAMS_PEER names the
              folder of Counts.java)
    naive     Faust, an agent and a RocksDB table, over fewer events

    python -m tests.benchmarks ingest [--impressions N] [--repeats N] [--partitions N]
    [--naive-events N] [--engines a,b]

The engines take turns, each in a process of its own, and the median counts; a first turn does not.
Without KAFKA_HOME the embedded broker serves (fewer events); what could not run says what it lacks.
"""

import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.table import Table

from streams.kafka.embedded_broker import EmbeddedBroker, free_port
from tests.benchmarks.ingest_events import SLATE, produce
from tests.cluster import Cluster, java_binary, missing

ENGINES = ("plain", "worker", "lists", "streams", "naive")
GOALS = {"plain": 0.6, "streams": 1.2, "naive": 100.0}  # worker's throughput over theirs
LISTS_GOAL = 2.0  # item impressions a second over the worker's
LISTS_PREFIX = "lists."
ROOT = pathlib.Path(__file__).parents[2]
ENGINE_TIMEOUT_S = 600.0

Outcome = dict[str, Any]  # events_per_s and what else an engine reports, or `missing`


class NotRun(RuntimeError):
    """An engine that this machine cannot run: what is missing."""


def run(options: list[str]) -> dict[str, Any]:
    """All engines, `--repeats` times and once before that does not count, taking turns."""
    parser = argparse.ArgumentParser(prog="bench ingest")
    parser.add_argument("--impressions", type=int, default=5_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--naive-events", type=int, default=30_000)
    parser.add_argument("--engines", default=",".join(ENGINES))
    asked = parser.parse_args(options)
    engines = asked.engines.split(",")
    runs: dict[str, list[Outcome]] = {name: [] for name in engines}
    lacking: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory(prefix="bench-ingest-") as directory,
        _broker(pathlib.Path(directory)) as (bootstrap, broker),
    ):
        sys.stderr.write(f"{broker}: producing {asked.impressions} impressions and their clicks\n")
        events = produce(bootstrap, asked.impressions, asked.partitions)
        if "lists" in engines:
            produce(bootstrap, asked.impressions, asked.partitions, LISTS_PREFIX, listed=True)
        # 0: a broker that has just started still compiles its code, on the same cores
        for turn in range(asked.repeats + 1):
            for name in engines:
                if name in lacking or (name == "naive" and not turn):
                    continue
                room = pathlib.Path(directory, f"{name}-{turn}")
                room.mkdir()
                try:
                    outcome = _run_one(name, bootstrap, events, asked, room)
                except NotRun as reason:
                    lacking[name] = str(reason)
                    continue
                finally:
                    shutil.rmtree(room, ignore_errors=True)
                sys.stderr.write(
                    f"turn {turn or 'not counted'}, {name}: {outcome['events_per_s']:,.0f} "
                    "events/s\n"
                )
                if turn:
                    runs[name].append({**outcome, "load": os.getloadavg()[0]})
    results = {
        "broker": broker,
        "events": events,
        "partitions": asked.partitions,
        "runs": runs,
        "missing": lacking,
    }
    results |= _summary(runs)
    _print(results)
    return results


@contextmanager
def _broker(directory: pathlib.Path) -> Iterator[tuple[str, str]]:
    """Bootstrap servers, and which broker that is."""
    reason = missing()
    if reason is None:
        with Cluster(directory / "kafka", heap="1g", measured=True) as cluster:
            yield cluster.bootstrap, "Apache Kafka"
    else:
        with EmbeddedBroker() as broker:
            yield broker.bootstrap, f"embedded broker ({reason})"


def _run_one(
    name: str, bootstrap: str, events: int, asked: argparse.Namespace, room: pathlib.Path
) -> Outcome:
    if name == "streams":
        command = _streams_command(bootstrap, events)
    elif name == "plain":
        command = [sys.executable, "-m", "tests.benchmarks.ingest_plain", bootstrap, str(events)]
    elif name in ("worker", "lists"):
        records = events
        if name == "lists":  # ten impressions an event
            records -= asked.impressions - asked.impressions // SLATE
        command = [sys.executable, "-m", "tests.benchmarks.ingest_worker", str(records)]
    else:
        events = min(events, asked.naive_events)
        command = [
            sys.executable,
            "-m",
            "tests.benchmarks.ingest_naive",
            bootstrap,
            str(events),
            str(asked.partitions),
            str(room),
        ]
    environ = {
        **os.environ,
        "TMPDIR": str(room),
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
        "SLATESTREAM_GROUP": room.name,
        "SLATESTREAM_DATA_DIR": str(room / "data"),
        "SLATESTREAM_TOPIC_PREFIX": LISTS_PREFIX if name == "lists" else "",
        "SLATESTREAM_SERVING": "off",
        "SLATESTREAM_WORKER_HTTP_PORT": str(free_port()),
        "SLATESTREAM_BROKER_SESSION_TIMEOUT_S": "6",
        "SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": "6",
    }
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=ENGINE_TIMEOUT_S,
        check=False,
    )
    if done.returncode != 0 or not done.stdout.strip():
        msg = f"{name} ended with {done.returncode}:\n{done.stderr[-3000:]}"
        raise RuntimeError(msg)
    report = json.loads(done.stdout.strip().splitlines()[-1])
    return {**report, "events": events, "events_per_s": events / report["s"]}


def _streams_command(bootstrap: str, events: int) -> list[str]:
    """Compile the peer once; the command that runs it."""
    peer, home = os.environ.get("KAFKA_STREAMS_PEER"), os.environ.get("KAFKA_HOME")
    java, javac = java_binary(), shutil.which("javac")
    for found, lacks in (
        (home, "KAFKA_HOME"),
        (
            peer and pathlib.Path(peer, "Counts.java").exists(),
            "KAFKA_STREAMS_PEER (a folder with Counts.java and libs/)",
        ),
        (java and javac, "a JDK 17 (java and javac)"),
    ):
        if not found:
            raise NotRun(f"needs {lacks}")
    build = ROOT / "build" / "kafka-streams"
    path = f"{peer}/libs/*:{home}/libs/*"
    if not (build / "Counts.class").exists():
        build.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [str(javac), "-cp", path, "-d", str(build), f"{peer}/Counts.java"],
            check=True,
            capture_output=True,
        )
    return [
        str(java),
        "-Xmx2g",
        "-cp",
        f"{path}:{build}",
        "Counts",
        bootstrap,
        "",
        str(events),
        "exactly_once_v2",
        "1",
    ]


def _summary(runs: dict[str, list[Outcome]]) -> dict[str, Any]:
    """Medians, and the worker's throughput over each other engine's."""
    median: dict[str, float] = {
        name: statistics.median(each["events_per_s"] for each in outcomes)
        for name, outcomes in runs.items()
        if outcomes
    }
    ratio = {
        name: median["worker"] / other
        for name, other in median.items()
        if name not in ("worker", "lists") and "worker" in median
    }
    return {"events_per_s": median, "worker_over": ratio, "goals": GOALS}


def _print(results: dict[str, Any]) -> None:
    table = Table(
        title=f"ingest: {results['events']:,} events, {results['partitions']} partitions, "
        f"{results['broker']}"
    )
    for heading in (
        "engine",
        "events/s, median",
        "slowest to fastest",
        "CPU us/event",
        "worker is",
        "goal",
    ):
        table.add_column(heading, justify="left" if heading == "engine" else "right")
    for name, outcomes in results["runs"].items():
        if not outcomes:
            table.add_row(
                name, f"not run: {results['missing'].get(name, 'no turn')}", "", "", "", ""
            )
            continue
        rates = [each["events_per_s"] for each in outcomes]
        cpu_us = statistics.median(1e6 * each["cpu_s"] / each["events"] for each in outcomes)
        ratio = results["worker_over"].get(name)
        table.add_row(
            name,
            f"{statistics.median(rates):,.0f}",
            f"{min(rates):,.0f} to {max(rates):,.0f}",
            f"{cpu_us:.2f}",
            "" if ratio is None else f"{ratio:.2f}x",
            f"{GOALS[name]:g}x" if name in GOALS else "",
        )
    console = Console(width=120)
    console.print(table)
    median = results["events_per_s"]
    if "lists" in median and "worker" in median:
        console.print(
            f"lists count {median['lists'] / median['worker']:.2f} x the worker's item impressions "
            f"a second (goal {LISTS_GOAL:g} x)"
        )
    for name in ("worker", "lists"):
        for each in results["runs"].get(name, ()):
            console.print(
                f"{name}: longest step of the event loop {each['longest_step_ms']:.0f} ms, "
                f"{each['long_steps']} of {each['steps']} over 20 ms"
            )
