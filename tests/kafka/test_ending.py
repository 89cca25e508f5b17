"""How workers end: in order at SIGTERM, at once when their name is taken, in time when no broker
answers; and how they refuse to start.
"""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from streams.serving.counts_view import read_counts
from streams.worker.ending import EXIT_STATUS
from tests.cluster import Cluster
from tests.kafka import audit
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, kill_consumer, wait_for
from tests.kafka.history import CLICKS, IMPRESSIONS, SLATES, WINDOWS, make
from tests.kafka.oracle import differences, recount
from tests.kafka.play import assert_exact, signal_ready, start_feed, wait_read

pytestmark = pytest.mark.kafka


def test_sigterm_in_the_middle_leaves_exactly_what_was_committed(
    make_fleet: Callable[..., Fleet],
) -> None:
    # the last flush has something to do
    fleet = make_fleet(1, SLATESTREAM_FLUSH_INTERVAL_MS=3000, SLATESTREAM_SHUTDOWN_TIMEOUT_S=20)
    worker = fleet.workers[0]
    history = make(random.Random(11), time.time(), 8000, requests=0)
    fleet.start(worker)
    wait_for("the worker to be ready", lambda: signal_ready(fleet))
    feed = start_feed(fleet, history, seconds=10.0)
    wait_for(
        "a flush",
        lambda: sum(fleet.committed(list(feed.ends) or [(fleet.names.clicks, 0)]).values()) > 0,
    )
    time.sleep(1.0)
    earlier = sum(fleet.committed(list(feed.ends)).values())
    began = time.monotonic()
    worker.signal(signal.SIGTERM)
    wait_for("the worker to leave", lambda: worker.status is not None)
    assert worker.status == 0
    assert time.monotonic() - began < 20
    feed.join()
    committed = fleet.committed(list(feed.ends))
    assert 0 < earlier <= sum(committed.values()) < sum(feed.ends.values())
    assert differences(_recount(fleet, committed), read_counts(fleet.settings)) == []
    fleet.start(worker, SLATESTREAM_FLUSH_INTERVAL_MS="200")
    wait_read(fleet, feed)
    assert_exact(fleet, history, feed)


def test_a_worker_whose_reading_process_was_killed_ends_and_the_next_one_goes_on(
    make_fleet: Callable[..., Fleet],
) -> None:
    fleet = make_fleet(1)
    worker = fleet.workers[0]
    history = make(random.Random(13), time.time(), 8000, requests=0)
    fleet.start(worker)
    wait_for("the worker to be ready", lambda: signal_ready(fleet))
    feed = start_feed(fleet, history, seconds=6.0)
    wait_for(
        "a flush",
        lambda: sum(fleet.committed(list(feed.ends) or [(fleet.names.clicks, 0)]).values()) > 0,
    )
    assert worker.process is not None
    kill_consumer(worker.process.pid)
    wait_for("the worker to end", lambda: worker.status is not None)
    assert worker.status == EXIT_STATUS
    assert "the process that reads records has ended with status -9" in worker.text()
    fleet.start(worker)
    wait_read(fleet, feed)
    assert_exact(fleet, history, feed)


def _recount(
    fleet: Fleet, until: dict[tuple[str, int], int]
) -> dict[tuple[str, str], tuple[int, int, int, float]]:
    """The oracle over the good events below these offsets."""
    events: dict[str, list[dict[str, Any]]] = {SLATES: [], IMPRESSIONS: [], CLICKS: []}
    for source, kept in events.items():
        topic = fleet.names.prefix + source
        for record in audit.committed_records(fleet.bootstrap, topic, list(range(4))):
            below = (record.offset() or 0) < until.get((topic, record.partition() or 0), 0)
            event = _event(record.value()) if below and record.key() else None
            if event is not None:
                kept.append(event)
    slates = {slate["slate_id"]: slate for slate in events[SLATES]}
    impressions = [each for event in events[IMPRESSIONS] for each in _one_by_one(event, slates)]
    served = {name: slate["segment"] for name, slate in slates.items()}
    return recount(impressions, events[CLICKS], WINDOWS, served)


def _one_by_one(
    event: dict[str, Any], slates: dict[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """An impression for each item of a list, or of the whole slate."""
    if "item_id" in event:
        yield event
        return
    offered = slates.get(event["slate_id"], {"items": []})["items"]
    for item in event.get("items", [each["item_id"] for each in offered]):
        yield {**event, "item_id": item}


def _event(value: bytes | None) -> dict[str, Any] | None:
    try:
        event = json.loads(value or b"")
    except ValueError:
        return None
    good = (
        isinstance(event, dict)
        and "ts" in event
        and isinstance(event.get("item_id", ""), str)
        and event.get("position", 0) >= 0
    )
    return event if good else None


def test_second_worker_of_one_name_ends_the_first_and_totals_are_exact(
    make_fleet: Callable[..., Fleet],
) -> None:
    fleet = make_fleet(2)
    first, second = fleet.workers
    fleet.start(first)
    wait_for("the first to be ready", lambda: signal_ready(fleet))
    history = make(random.Random(12), time.time(), 8000, requests=0)
    feed = start_feed(fleet, history, seconds=8.0)
    fleet.start(second, SLATESTREAM_WORKER_NAME=first.name)
    wait_for("the first to end", lambda: first.status is not None)
    assert first.status == 70
    assert "was taken over" in first.text()
    wait_read(fleet, feed, supervised=False)
    assert second.running
    fleet.close()
    assert_exact(fleet, history, feed)


def test_two_workers_in_one_data_directory_are_refused(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(2)
    first, second = fleet.workers
    fleet.start(first)
    wait_for("the first to be ready", lambda: signal_ready(fleet))
    fleet.start(second, SLATESTREAM_DATA_DIR=str(first.data_dir))
    wait_for("the second to end", lambda: second.status is not None)
    assert second.status == 2
    assert "is held by another worker; give each worker a directory of its own" in second.text()
    assert first.running


def test_unequal_partitions_are_refused_at_start_in_one_line(
    make_fleet: Callable[..., Fleet],
) -> None:
    fleet = make_fleet(1)
    admin = AdminClient({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    admin.create_partitions([NewPartitions(fleet.names.clicks, 5)])[fleet.names.clicks].result(
        CALL_TIMEOUT_S
    )
    fleet.start(fleet.workers[0])
    wait_for("the worker to end", lambda: fleet.workers[0].status is not None)
    assert fleet.workers[0].status == 1
    (line,) = [
        line for line in fleet.workers[0].text().splitlines() if line.startswith("slatestream:")
    ]
    assert "expected the same number of partitions" in line
    assert f"{fleet.names.clicks} 5" in line


def test_broker_away_costs_nothing_and_memory_stays_bounded(
    kafka_directory: Path, tmp_path: Path
) -> None:
    with Cluster(kafka_directory) as cluster:
        fleet = Fleet(
            cluster.bootstrap,
            tmp_path / "fleet",
            "away.",
            1,
            {"SLATESTREAM_SHUTDOWN_TIMEOUT_S": "4"},
        )
        fleet.create_topics(4)
        worker = fleet.workers[0]
        try:
            fleet.start(worker)
            wait_for("the worker to be ready", lambda: signal_ready(fleet))
            history = make(random.Random(13), time.time(), 40_000, requests=0)
            feed = start_feed(fleet, history, seconds=12.0)
            wait_for(
                "something to be committed", lambda: any(fleet.committed(list(feed.ends)).values())
            )
            before = _rss_bytes(worker.process.pid if worker.process else 0)
            cluster.pause()
            time.sleep(8.0)
            grown = _rss_bytes(worker.process.pid if worker.process else 0) - before
            cluster.resume()
            assert worker.running
            assert grown < 64 * 2**20
            cluster.kill()
            cluster.restart()
            wait_read(fleet, feed)
            assert_exact(fleet, history, feed)
            cluster.pause()
            worker.signal(signal.SIGTERM)
            began = time.monotonic()
            wait_for("the worker to end without a broker", lambda: worker.status is not None, 20)
            assert time.monotonic() - began < 8
            cluster.resume()
        finally:
            fleet.close()


def _rss_bytes(pid: int) -> int:
    fields = Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()
    return int(fields[0]) * 1024
