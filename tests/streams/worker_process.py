"""A worker and its serving process, started as a user starts them, for tests from end to end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from confluent_kafka import Producer

from tests.cluster import free_ports

ROOT = Path(__file__).parents[2]
READY_TIMEOUT_S = 120.0  # a busy two-core machine needs half a minute to import and join


class WorkerProcess:
    """`slatestream worker` with settings of its own; use it in `with`."""

    def __init__(self, directory: Path, bootstrap: str, prefix: str, **environ: str) -> None:
        self.port, self.worker_port = free_ports(2)
        self.log = directory / "worker.log"
        self.environ = {
            **os.environ,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "SLATESTREAM_TOPIC_PREFIX": prefix,
            "SLATESTREAM_TOPIC_PARTITIONS": "3",
            "SLATESTREAM_DATA_DIR": str(directory / "data"),
            "SLATESTREAM_RELEASES_DIR": str(directory / "releases"),
            "SLATESTREAM_HTTP_PORT": str(self.port),
            "SLATESTREAM_WORKER_HTTP_PORT": str(self.worker_port),
            "SLATESTREAM_FLUSH_INTERVAL_MS": "100",
            "SLATESTREAM_BROKER_SESSION_TIMEOUT_S": "6",
            "SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": "6",
            **environ,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self._producers: dict[str, Producer] = {}

    def command(self, *arguments: str) -> list[dict[str, Any]]:
        """Run a command with the worker's settings; its JSON lines."""
        done = subprocess.run(
            [sys.executable, "-m", "streams", *arguments],
            cwd=ROOT,
            env=self.environ,
            capture_output=True,
            text=True,
            check=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]

    def produce(
        self, topic: str, key: str, value: Any, partitioner: str = "murmur2_random"
    ) -> None:
        """One record as it is (bytes), or an event, whatever the contract says of it."""
        producer = self._producers.get(partitioner)
        if producer is None:
            servers = self.environ["KAFKA_BOOTSTRAP_SERVERS"]
            config = {"bootstrap.servers": servers, "log_level": 0, "partitioner": partitioner}
            producer = self._producers[partitioner] = Producer(config)
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        producer.produce(self.environ["SLATESTREAM_TOPIC_PREFIX"] + topic, body, key)
        assert producer.flush(30) == 0

    def start(self) -> None:
        """Start it; it is not ready yet."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker"],
                cwd=ROOT,
                env=self.environ,
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
            )

    def get(self, path: str, port: int | None = None) -> tuple[int, str]:
        """Status and body of a page: of the serving process, or of `worker_port`."""
        try:
            with urllib.request.urlopen(
                f"http://127.0.0.1:{port or self.port}{path}", timeout=10
            ) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def wait_ready(self) -> None:
        """Until /readyz of both says so."""
        end = time.monotonic() + READY_TIMEOUT_S
        waiting = [self.worker_port, self.port]
        if self.environ.get("SLATESTREAM_SERVING") == "off":
            waiting = [self.worker_port]
        while True:
            assert self.process is not None
            assert self.process.poll() is None, (
                f"the worker ended with {self.process.returncode}:\n{self.log_end()}"
            )
            try:
                waiting = [port for port in waiting if self.get("/readyz", port)[0] != 200]
                if not waiting:
                    return
            except OSError:
                pass
            assert time.monotonic() < end, f"not ready:\n{self.log_end()}"
            time.sleep(0.1)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def log_end(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:]

    def __enter__(self) -> WorkerProcess:
        self.start()
        self.wait_ready()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
