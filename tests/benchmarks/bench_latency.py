"""From a slate request on Kafka to its slate on Kafka, beside a bare echo on the same broker in the
same run: idle, beside events, and while something is flushed, swapped, rebalanced or killed.

    python -m tests.benchmarks latency [--seconds N] [--rate 200,1000] [--only idle,20000,...]

A client process sends requests to both, open loop, and clocks each from before `produce()` to the
receipt of its answer. Conditions (`latency_conditions`) run one after the other on the same topics;
a number is one too, of events a second. On Apache Kafka (KAFKA_HOME).
"""

import argparse
import os
import pathlib
import sys
import tempfile
import time
from typing import Any

import numpy as np
import orjson
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from streams.contract.topics import TopicNames
from streams.kafka.admin import create
from tests.benchmarks.latency_bench import Bench
from tests.benchmarks.latency_conditions import CONDITIONS, Condition, NotRun, beside
from tests.benchmarks.latency_cpu import OTHERS
from tests.benchmarks.latency_echo import REPLIES, REQUESTS
from tests.benchmarks.latency_events import ITEMS, SEGMENTS, catalogue
from tests.benchmarks.latency_figures import figures, row, show
from tests.benchmarks.latency_system import PARTITIONS, System
from tests.cluster import Cluster, missing

# before the first condition, not measured: a broker that has just started compiles its code (the
# echo's p99 falls for half a minute), and a system without counts has nothing to prepare
WARM_UP_EVENTS, WARM_UP_EVENTS_PER_S, WARM_UP_REQUESTS_PER_S = 300_000, 10_000, 500
CALL_TIMEOUT_S = 60.0
LATE_MS, OTHER_CORES = 10.0, 0.3  # beyond that it is said under the table


def run(options: list[str]) -> dict[str, Any]:
    """Every condition at every rate, one table."""
    parser = argparse.ArgumentParser(prog="bench latency")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each condition")
    parser.add_argument("--rate", default="200,1000", help="requests a second, by commas")
    parser.add_argument(
        "--only",
        default=",".join(CONDITIONS),
        help=f"of {', '.join(CONDITIONS)}, or numbers of events a second",
    )
    asked = parser.parse_args(options)
    chosen = {name: _condition(name, parser) for name in asked.only.split(",")}
    rates = [float(each) for each in asked.rate.split(",")]
    reason = missing()
    if reason is not None:
        raise RuntimeError(f"bench latency needs Apache Kafka: {reason}")
    with (
        tempfile.TemporaryDirectory(prefix="bench-latency-") as directory,
        Cluster(pathlib.Path(directory, "kafka"), heap="1g", measured=True) as kafka,
    ):
        bench = _prepare(kafka, pathlib.Path(directory), asked)
        try:
            rows, not_run = _measure(bench, chosen, rates)
        finally:
            bench.close()
    results = {
        "items": ITEMS,
        "segments": SEGMENTS,
        "partitions": PARTITIONS,
        "seconds": asked.seconds,
        "encoder": bench.no_releases or "two releases by turns",
        "rows": rows,
        "not_run": not_run,
        "load": os.getloadavg()[0],
    }
    show(rows, not_run, f"Request to slate over Kafka: {ITEMS:,} items, {SEGMENTS} segments, ms")
    return results


def _condition(name: str, parser: argparse.ArgumentParser) -> Condition:
    if name in CONDITIONS:
        return CONDITIONS[name]
    if name.isdigit() and int(name):
        return Condition(beside(int(name)))
    parser.error(f"--only: expected of {', '.join(CONDITIONS)}, or a number, found {name!r}")


def _prepare(kafka: Cluster, room: pathlib.Path, asked: argparse.Namespace) -> Bench:
    """Topics, catalogue, the first release, the system, and its warm-up."""
    system = System(kafka.bootstrap, room)
    client = system.settings.kafka_client()
    admin = AdminClient(client)
    create(admin, TopicNames(), PARTITIONS, 1)
    echo = [NewTopic(name, PARTITIONS, 1) for name in (REQUESTS, REPLIES)]
    for future in admin.create_topics(echo).values():
        future.result(CALL_TIMEOUT_S)
    items = catalogue()
    producer = Producer({**client, "partitioner": "murmur2_random"})
    for item in items:
        producer.produce(TopicNames().items, orjson.dumps(item), item["item_id"])
    producer.flush(CALL_TIMEOUT_S)
    releases, no_releases = None, ""
    try:
        from tests.benchmarks.latency_release import Releases  # the extra `encoder` may be missing

        releases = Releases(client, room / "releases", items)
        releases.publish()
    except (ImportError, FileNotFoundError) as lacking:
        no_releases = str(lacking)
    brokers = [each.pid for each in kafka.processes.values()]
    bench = Bench(kafka.bootstrap, brokers, room, system, releases, no_releases, asked.seconds)
    try:
        system.ensure()
        requests = bench.client(WARM_UP_REQUESTS_PER_S)
        load = bench.load(WARM_UP_EVENTS, WARM_UP_EVENTS_PER_S)
        bench.begin(requests)
        load.go()
        load.answer()
        bench.outcome(requests)
        system.wait_counted()
        bench.end_children()
    except BaseException:
        bench.close()
        raise
    return bench


def _measure(
    bench: Bench, chosen: dict[str, Condition], rates: list[float]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    rows: list[dict[str, Any]] = []
    not_run: dict[str, str] = {}
    for name, condition in chosen.items():
        for per_s in rates:
            bench.system.ensure()
            began_s = time.monotonic()
            try:
                outcome = condition.run(bench, per_s)
            except NotRun as reason:
                not_run[name] = str(reason)
                break
            finally:
                bench.end_children()
            slate, echo = figures(outcome.slate), figures(outcome.echo)
            late_ms = float(np.percentile(outcome.late_s, 99)) * 1000.0
            notes = [*outcome.notes, *_busy(late_ms, outcome.cores.get(OTHERS, 0.0))]
            rows.append(
                {
                    **row(name, per_s, slate, echo, condition.goal),
                    "notes": notes,
                    "cores": outcome.cores,
                    "sent_late_p99_ms": late_ms,
                    "load": os.getloadavg()[0],
                }
            )
            sys.stderr.write(
                f"{name}, {per_s:g}/s: p50 {slate['p50_ms']:.1f} ms, p99 {slate['p99_ms']:.1f} ms, "
                f"longest {slate['longest_ms']:.0f} ms; echo p50 {echo['p50_ms']:.1f} ms, "
                f"p99 {echo['p99_ms']:.1f} ms ({time.monotonic() - began_s:.0f} s)\n"
            )
    return rows, not_run


def _busy(late_ms: float, others: float) -> list[str]:
    """What makes the figures those of the machine and not of what is measured."""
    notes = []
    if late_ms > LATE_MS:
        notes.append(f"arrivals were sent up to {late_ms:.0f} ms late (p99)")
    if others > OTHER_CORES:
        notes.append(f"other processes used {others:.1f} cores")
    return notes
