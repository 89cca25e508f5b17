"""Restore of a million rows from the changelog to an empty disk, beside Faust's own recovery of an
equal changelog.

    restore        `streams.counting.restore.restore`, from a changelog written in transactions
    faust rocksdb  Faust's recovery into its RocksDB table (rocksdict)       both from a changelog
    written without transactions,
    faust memory   Faust's recovery into a table in memory                  on others it waits for
    ever

    python -m tests.benchmarks recovery [--rows N] [--partitions N] [--repeats N] [--faust-rows N]
    [--stores a,b]

Same rows, same broker, same run, on Apache Kafka (KAFKA_HOME). The goal is 20 times the faster of
Faust's two.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from rich.console import Console
from rich.table import Table

from streams.counting.restore import Changelogs, restore
from streams.counting.rocksdb import Disk
from streams.kafka.admin import topic_ids
from tests.benchmarks.recovery_rows import row
from tests.cluster import Cluster, missing

ROOT = pathlib.Path(__file__).parents[2]
CALL_TIMEOUT_S = 60.0
FAUST_TIMEOUT_S = 3600.0
ROWS_PER_TRANSACTION = 50_000
STORES = {"faust rocksdb": "rocksdb://", "faust memory": "memory://"}
GOAL = 20.0


def run(options: list[str]) -> dict[str, Any]:
    """Write the changelogs, restore from each, compare rows per second."""
    parser = argparse.ArgumentParser(prog="bench recovery")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--faust-rows", type=int, default=0, help="fewer for Faust, 0: the same")
    parser.add_argument(
        "--stores",
        default=",".join(STORES),
        help="of Faust's, the ones to run: a million rows take half an hour each",
    )
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=3)
    asked = parser.parse_args(options)
    reason = missing()
    if reason is not None:
        raise RuntimeError(f"bench recovery needs Apache Kafka: {reason}")
    theirs = asked.faust_rows or asked.rows
    with (
        tempfile.TemporaryDirectory(prefix="bench-recovery-") as room,
        Cluster(pathlib.Path(room, "kafka"), heap="1g", measured=True) as cluster,
    ):
        directory = pathlib.Path(room)
        ours = _restores(cluster.bootstrap, asked.rows, asked.partitions, asked.repeats, directory)
        results: dict[str, Any] = {"restore": _figures(asked.rows, ours)}
        stores = asked.stores.split(",")
        for name in stores:
            results[name] = _figures(
                theirs,
                [_faust(cluster.bootstrap, STORES[name], theirs, asked.partitions, directory)],
            )
    faster = max(results[name]["rows_per_s"] for name in stores)
    results["times_faster"] = results["restore"]["rows_per_s"] / faster
    results["goal"] = GOAL
    results["load"] = os.getloadavg()[0]
    _print(results)
    return results


def _figures(rows: int, seconds: list[float]) -> dict[str, Any]:
    return {"rows": rows, "s": seconds, "rows_per_s": rows / statistics.median(seconds)}


def _restores(
    bootstrap: str, rows: int, partitions: int, repeats: int, directory: pathlib.Path
) -> list[float]:
    """Seconds of each restore onto an empty disk; every one is checked to hold all rows."""
    counts, slates = "ours-counts-changelog", "ours-slates-changelog"
    _create(bootstrap, {counts: partitions, slates: partitions})
    _write(bootstrap, counts, rows, partitions, transactional=True)
    client = {"bootstrap.servers": bootstrap}
    changelogs = Changelogs(counts, slates, topic_ids(client, (counts, slates)))
    seconds = []
    for repeat in range(repeats):
        disks = {
            number: Disk(directory / f"ours-{repeat}" / f"partition-{number}")
            for number in range(partitions)
        }
        restored = [0]

        def progress(records: int, restored: list[int] = restored) -> None:
            restored[0] += records

        began = time.perf_counter()
        restore(client, changelogs, disks, CALL_TIMEOUT_S, lambda: False, progress)
        seconds.append(time.perf_counter() - began)
        sampled = range(0, rows, max(1, rows // 100))
        good = sum(
            disks[number % partitions].get(row(number)[0]) == row(number)[1] for number in sampled
        )
        if restored[0] != rows or good != len(sampled):
            raise RuntimeError(
                f"expected {rows} rows and all of {len(sampled)} sampled, found {restored[0]} "
                f"and {good}"
            )
        for disk in disks.values():
            disk.close()
    return seconds


def _faust(
    bootstrap: str, store: str, rows: int, partitions: int, directory: pathlib.Path
) -> float:
    """Seconds of Faust's recovery, in a process of its own that starts with an empty directory."""
    name = f"theirs-{store.split(':')[0]}"
    changelog = f"{name}-counts-changelog"
    _create(bootstrap, {changelog: partitions, f"{name}-source": partitions})
    _write(bootstrap, changelog, rows, partitions, transactional=False)
    arguments = [bootstrap, name, store, str(partitions), str(directory / name), str(rows)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.recovery_faust", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=FAUST_TIMEOUT_S,
        check=False,
    )
    found = re.search(r'\{"s": .*\}', done.stdout)
    if done.returncode != 0 or found is None:
        raise RuntimeError(
            f"Faust ended with {done.returncode}:\n{done.stdout[-1000:]}\n{done.stderr[-3000:]}"
        )
    report = json.loads(found.group())
    if report["sampled"] < 100:
        raise RuntimeError(
            f"expected all of 100 sampled rows in Faust's table, found {report['sampled']}"
        )
    return float(report["s"])


def _create(bootstrap: str, topics: dict[str, int]) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    new = [
        NewTopic(name, number, 1, config={"cleanup.policy": "compact"})
        for name, number in topics.items()
    ]
    for future in admin.create_topics(new).values():
        future.result(CALL_TIMEOUT_S)


def _write(bootstrap: str, topic: str, rows: int, partitions: int, *, transactional: bool) -> None:
    config: dict[str, Any] = {
        "bootstrap.servers": bootstrap,
        "linger.ms": 20,
        "queue.buffering.max.messages": 1_000_000,
        "log_level": 0,
    }
    producer = Producer({**config, **({"transactional.id": topic} if transactional else {})})
    if transactional:
        producer.init_transactions(CALL_TIMEOUT_S)
    for first in range(0, rows, ROWS_PER_TRANSACTION):
        if transactional:
            producer.begin_transaction()
        for number in range(first, min(rows, first + ROWS_PER_TRANSACTION)):
            key, value = row(number)
            producer.produce(topic, value, key, number % partitions)
        if producer.flush(CALL_TIMEOUT_S):
            raise RuntimeError(f"{topic} could not be written within {CALL_TIMEOUT_S:g} s")
        if transactional:
            producer.commit_transaction(CALL_TIMEOUT_S)


def _print(results: dict[str, Any]) -> None:
    table = Table("recovery", "rows", "seconds", "rows/s", title="Changelog to empty disk")
    for name in (name for name in ("restore", *STORES) if name in results):
        each = results[name]
        table.add_row(
            name,
            f"{each['rows']:,}",
            ", ".join(f"{s:.2f}" for s in each["s"]),
            f"{each['rows_per_s']:,.0f}",
        )
    table.add_row(
        "restore over the faster of Faust's",
        "",
        "",
        f"{results['times_faster']:.1f} times (goal {GOAL:g})",
    )
    Console().print(table)
