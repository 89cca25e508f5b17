"""A worker whose only broker is away for more than half a minute says so three times."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.kafka.fleet import wait_for
from tests.streams.worker_process import WorkerProcess

AWAY_S = 33.0


@pytest.mark.kafka
@pytest.mark.slow
def test_a_broker_that_is_away_is_said_once_every_30_s_and_once_when_it_is_back(
    tmp_path: Path, kafka_directory: Path
) -> None:
    with Cluster(kafka_directory) as cluster:
        worker = WorkerProcess(tmp_path, cluster.bootstrap, "away.")
        worker.command("topics", "create", "--json")
        with worker:
            before = len(worker.log.read_text().splitlines())
            cluster.kill()
            time.sleep(AWAY_S)
            cluster.restart()
            wait_for("the end said", lambda: "answer again" in worker.log.read_text())
            assert worker.get("/readyz")[0] == 200
            lines = worker.log.read_text().splitlines()[before:]
    said = [line for line in lines if "brokers cannot be reached" in line]
    assert len(said) == 2, "\n".join(lines)
    assert "said again every 30 s" in said[0]
    assert "s now, " in said[1]
    assert sum("the brokers answer again, after" in line for line in lines) == 1
    assert len(lines) < 15, "\n".join(lines)
