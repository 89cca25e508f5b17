"""A full disk: the worker stops with a clear error, and with room again it goes on with exact
totals.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import time
from collections.abc import Iterator

import orjson
import pytest
from confluent_kafka import Producer

from streams.serving.counts_view import read_counts
from tests.cluster import Cluster
from tests.kafka.fleet import Fleet, wait_for

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

SMALL, LARGE = "6m", "512m"
SLATES = 60_000
ITEMS = 8


@pytest.fixture
def small_disk(tmp_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file system of 6 MiB; mounting one needs root on Linux."""
    place = tmp_path / "w0" / "data"
    place.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(place)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("needs root and the right to mount a small tmpfs")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_full_disk_stops_the_worker_with_a_clear_error_and_loses_nothing(
    kafka_cluster: Cluster, tmp_path: pathlib.Path, small_disk: pathlib.Path
) -> None:
    fleet = Fleet(
        kafka_cluster.bootstrap,
        tmp_path,
        f"full{time.time():.0f}.",
        1,
        {"SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": "6"},
    )
    fleet.create_topics(2)
    worker = fleet.workers[0]
    try:
        fleet.start(worker)
        _produce(fleet)
        wait_for("the worker to stop", lambda: worker.status is not None, timeout_s=90)
        assert worker.status == 70
        assert "No space left on device" in worker.text()
        subprocess.run(["mount", "-o", f"remount,size={LARGE}", str(small_disk)], check=True)
        fleet.start(worker)
        wait_for(
            "all impressions to count",
            lambda: _impressions(fleet) == SLATES * ITEMS,
            timeout_s=90,
            every_s=0.5,
        )
        assert worker.running
    finally:
        fleet.close()
        fleet.delete_topics()


def _impressions(fleet: Fleet) -> int:
    return sum(row["impressions"] for row in read_counts(fleet.settings))


def _produce(fleet: Fleet) -> None:
    producer = Producer(
        {
            "bootstrap.servers": fleet.bootstrap,
            "linger.ms": 20,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    now_s = time.time()
    for slate in range(SLATES):
        user = f"u{slate % 500}"
        for position in range(ITEMS):
            event = {
                "slate_id": f"slate-{slate}",
                "user_id": user,
                "item_id": f"item-{position}",
                "position": position,
                "ts": now_s,
            }
            producer.produce(fleet.names.impressions, orjson.dumps(event), user)
        producer.poll(0)
    assert producer.flush(60) == 0
