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
            wait_for("the end said", lambda: worker.log.read_text().count("answer again") == 2)
            assert worker.get("/readyz")[0] == 200
            lines = worker.log.read_text().splitlines()[before:]
    processes = {line.split("] [")[1] for line in lines if "] [" in line}
    said = [line for line in lines if "brokers cannot be reached" in line]
    assert len(processes) == 2, processes  # the worker, and the serving process beside it
    for process in processes:
        first, second = [line for line in said if f"[{process}]" in line]
        assert "said again every 30 s" in first
        assert "s now, " in second
    ends = [line for line in lines if "the brokers answer again, after" in line]
    assert len(ends) == 2, "\n".join(lines)
    assert len(lines) < 25, "\n".join(lines)
