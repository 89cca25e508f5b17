"""The factors of docs/sizing.md: CPU per event and per request, bytes per row, per cell and per
record.

    python -m tests.benchmarks sizing [--seconds N] [--rows N]

CPU is what processes used (Linux's /proc) until all was answered and counted, less what they use
idle; not time that passed. Real worker, real serving process, real brokers (KAFKA_HOME).
"""

from __future__ import annotations

import argparse
import pathlib
import tempfile
import time
from typing import Any

import cramjam
from confluent_kafka import Consumer, TopicPartition

from streams.contract.count_rows import CountRow, encode_count, encode_count_key
from streams.counting.rocksdb import Disk
from streams.counting.rows import SlateRow, encode_slate, pack_seen_items
from streams.serving.counts_view import CountsView, Index
from tests.benchmarks.latency_cpu import CpuClock
from tests.benchmarks.sizing_formula import Factors, Wanted, size
from tests.cluster import Cluster
from tests.kafka.drill import SHIPPED
from tests.kafka.fleet import Fleet, wait_for
from tests.kafka.load import Load
from tests.streams.making import NOW_S, START_S, record

PARTITIONS = 4
PER_S = 300.0
IDLE_S = 10.0
EVENTS_PER_REQUEST = 1 + 1 / 3 + 1  # of Load: an impression, a click with every third, the slate
N_ITEMS, K = 1000, 10
# of docs/ingest.md; docs/measurements/reliability.md: recovery, and memory in the soak
EVENT_US, RESTORED_PER_S, WORKER_BYTES = 5.34, 319_947.0, 818 * 1024.0**2
PAPER = (
    Wanted(1_000, 100, 1e5),
    Wanted(20_000, 1_000, 1e6),
    Wanted(100_000, 5_000, 1e6),
    Wanted(1_000_000, 50_000, 1e7),
)


def resident(pid: int | str = "self") -> int:
    """Bytes of memory of a process."""
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return 1024 * int(text.partition("VmRSS:")[2].split()[0])


def measure_rows(rows: int) -> dict[str, float]:
    """Bytes on disk of a counts row and of a slate row."""
    found = {}
    for kind in ("count_row_bytes", "slate_row_bytes"):
        with tempfile.TemporaryDirectory() as directory:
            disk = Disk(pathlib.Path(directory) / "partition-0")
            for start in range(0, rows, 20_000):
                batch = disk.batch()
                for number in range(start, min(start + 20_000, rows)):
                    if kind == "count_row_bytes":
                        row = CountRow()
                        row.impressions = row.examined = float(number % 977)
                        row.clicks = row.value = float(number % 31)
                        key = encode_count_key(f"country={number % 97}", f"item-{number}")
                        batch.put_count(key, encode_count(row))
                    else:
                        seen = {f"item-{number * 7 % 9973 + n}": START_S + n for n in range(10)}
                        slate = SlateRow(START_S + 3600, "country=7", items=pack_seen_items(seen))
                        batch.put_slate(f"slate-{number:012d}".encode(), encode_slate(slate))
                batch.write()
            disk.close()
            files = pathlib.Path(directory).rglob("*")
            found[kind] = sum(each.stat().st_size for each in files if each.is_file()) / rows
    return found


def measure_cells(rows: int) -> float:
    """Bytes of a serving process's memory per (segment, item)."""
    items, columns = Index(), 1000
    view = CountsView(items)
    row = CountRow()
    row.impressions = row.examined = 1000.0
    value = encode_count(row)
    view.apply([record(value, encode_count_key("first", "item-0"), at_ms=int(NOW_S * 1e3))], NOW_S)
    before = resident()
    for start in range(0, rows, columns):
        keys = [encode_count_key(f"country={start}", f"item-{n}") for n in range(columns)]
        log = [
            record(value, key, offset=1 + start + at, at_ms=int(NOW_S * 1e3))
            for at, key in enumerate(keys)
        ]
        view.apply(log, NOW_S)
    view.read_to_end({0: rows + 1})
    assert view.look(NOW_S).n_cells >= rows
    return (resident() - before) / rows


def measure_records(fleet: Fleet) -> dict[str, float]:
    """Bytes of an event and of an answer, compressed in batches as producers do, and 10 bytes of
    each record's head.
    """
    found = {}
    for name, topic in (
        ("event_bytes", fleet.names.impressions),
        ("slate_bytes", fleet.names.slates),
    ):
        reader = Consumer({"bootstrap.servers": fleet.bootstrap, "group.id": "sizing"})
        reader.assign([TopicPartition(topic, 0, 0)])
        values: list[bytes] = []
        while len(values) < 500:
            values += [each.value() or b"" for each in reader.consume(500, 5) if not each.error()]
        reader.close()
        packed = len(bytes(cramjam.lz4.compress_block(b"".join(values[:500]))))
        found[name] = packed / 500 + 10
    return found


def measure_processes(seconds: float) -> dict[str, float]:
    """CPU per event and per request, and memory of processes with little to do."""
    with (
        tempfile.TemporaryDirectory() as directory,
        Cluster(pathlib.Path(directory), measured=True) as cluster,
    ):
        place = pathlib.Path(directory) / "fleet"
        settings = SHIPPED | {"SLATESTREAM_TOPIC_REPLICATION": "1"}
        fleet = Fleet(cluster.bootstrap, place, "sizing.", 1, settings, serving=1)
        try:
            fleet.create_topics(PARTITIONS)
            members = {"worker": fleet.workers[0], "serving": fleet.serving[0]}
            Load(fleet, PARTITIONS, 1.0).describe(N_ITEMS)
            for each in members.values():
                fleet.launch(each)
            for each in members.values():
                wait_for(f"{each.name} to be ready", each.ready, 120)
            leaders = {name: [each.process.pid] for name, each in members.items() if each.process}
            idle = {name: float(resident(pid)) for name, (pid,) in leaders.items()}
            clock = CpuClock(leaders)
            time.sleep(IDLE_S)
            base = clock.cores()
            with Load(fleet, PARTITIONS, PER_S, K) as load:
                clock, began = CpuClock(leaders), time.monotonic()
                load.begin()
                time.sleep(seconds)
                load.stop_sending()
                seen = load.end()  # what is late is waited for: it costs as much
                wait_for("all to be counted", lambda: load.counted() == load.events, 120, 1.0)
                took_s, cores = time.monotonic() - began, clock.cores()
            used_s = {name: (cores[name] - base[name]) * took_s for name in leaders}
            return {
                "request_us": 1e6 * used_s["serving"] / seen.requests,
                "live_event_us": 1e6 * used_s["worker"] / seen.requests / EVENTS_PER_REQUEST,
                "idle_worker_bytes": idle["worker"],
                "serving_bytes": idle["serving"],
                **measure_records(fleet),
            }
        finally:
            fleet.close()


def run(options: list[str]) -> dict[str, Any]:
    """Measure, print factors and what they make on paper."""
    parser = argparse.ArgumentParser(prog="bench sizing")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rows", type=int, default=300_000)
    given = parser.parse_args(options)
    found = measure_rows(given.rows) | {"cell_bytes": measure_cells(given.rows)}
    found |= measure_processes(given.seconds)
    print("| factor | |\n|---|---|")
    for name, value in found.items():
        print(f"| {name} | {value:,.1f} |")
    besides = {name: found.pop(name) for name in ("live_event_us", "idle_worker_bytes")}
    factors = Factors(
        event_us=EVENT_US, restored_per_s=RESTORED_PER_S, worker_bytes=WORKER_BYTES, **found
    )
    print(
        "\n| events/s | slates/s | cells | partitions | workers | serving | GB, worker "
        "| GB, serving | disk of a worker, GB | brokers, TB | restore, s |\n"
        "|---|---|---|---|---|---|---|---|---|---|---|"
    )
    for wanted in PAPER:
        it = size(wanted, factors)
        print(
            f"| {wanted.events_per_s:,.0f} | {wanted.slates_per_s:,.0f} | {wanted.cells:,.0f} "
            f"| {it.partitions} | {it.workers} | {it.serving} | {it.worker_gb:.1f} "
            f"| {it.serving_gb:.1f} | {it.disk_gb:.1f} | {it.broker_tb:.1f} | {it.restore_s:.0f} |"
        )
    return factors._asdict() | besides
