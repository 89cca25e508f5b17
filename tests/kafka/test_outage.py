"""A worker whose only broker is away for more than half a minute says so three times, and is not
ready; its log has one format, whoever writes.
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
            wait_for("metrics", lambda: told(worker))
            cluster.kill()
            killed_s = time.monotonic()
            for port in (worker.worker_port, worker.port):
                wait_for("not ready", lambda port=port: worker.get("/readyz", port)[0] == 503, 12)
            status, said_s = worker.get("/readyz", worker.worker_port)
            assert (status, "the last heartbeat was" in said_s) == (503, True), said_s
            time.sleep(AWAY_S - (time.monotonic() - killed_s))
            cluster.restart()
            wait_for("the end said", lambda: worker.log.read_text().count("answer again") == 2)
            for port in (worker.worker_port, worker.port):
                wait_for("ready", lambda port=port: worker.get("/readyz", port)[0] == 200)
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


def told(worker: WorkerProcess) -> bool:
    """Whether both processes tell of their group and of themselves."""
    names = (
        'slatestream_group_state{state="stable"} 1.0',
        "slatestream_last_flush_timestamp_seconds ",
        "slatestream_last_poll_timestamp_seconds ",
        "slatestream_last_heartbeat_timestamp_seconds ",
        "process_resident_memory_bytes ",
        "python_info{",
        "slatestream_build_info{",
    )
    for port, topic in ((worker.worker_port, "impressions"), (worker.port, "slate-requests")):
        lag = f'slatestream_source_lag_records{{partition="1",topic="away.{topic}"}} 0.0'
        text = worker.get("/metrics", port)[1]
        if not all(name in text for name in (lag, *names)):
            return False
    return True
