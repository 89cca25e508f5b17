"""A worker whose only broker is away for more than half a minute says so three times; its log has
one format, whoever writes.
"""

from __future__ import annotations

import json
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
        worker = WorkerProcess(tmp_path, cluster.bootstrap, "away.", SLATESTREAM_LOG_FORMAT="json")
        worker.command("topics", "create", "--json")
        with worker:
            before = len(worker.log.read_text().splitlines())
            cluster.kill()
            time.sleep(AWAY_S)
            cluster.restart()
            wait_for("the end said", lambda: worker.log.read_text().count("answer again") == 2)
            assert worker.get("/readyz")[0] == 200
            for page in ("/router/", "/table/", "/graph", "/stats", "/performance"):
                assert worker.get(page, worker.worker_port)[0] == 404
            after = len(worker.log.read_text().splitlines())
            assert worker.stop() == 0
    log = [json.loads(line) for line in worker.log.read_text().splitlines()]  # every line is one
    libraries = {line["logger"].split(".")[0] for line in log}
    assert {"streams", "faust", "mode", "aiokafka"} <= libraries
    lines = log[before:after]
    processes = {line["process"] for line in lines}
    said = [line for line in lines if "brokers cannot be reached" in line["message"]]
    assert len(processes) == 2, processes  # the worker, and the serving process beside it
    for process in processes:
        first, second = [line["message"] for line in said if line["process"] == process]
        assert "said again every 30 s" in first
        assert "s now, " in second
    ends = [line for line in lines if "the brokers answer again, after" in line["message"]]
    text = "\n".join(line["message"] for line in lines)
    assert len(ends) == 2, text
    assert len(lines) < 25, text
