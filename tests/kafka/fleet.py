"""A fleet: worker processes on one cluster under one topic prefix, for tests that kill, pause, wipe
and restart them.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from streams.config import Settings, load_settings
from streams.contract.topics import COPARTITIONED, TOPICS, TopicNames, declared_configs
from streams.kafka.names import app_id, changelog_topics, serving_group
from tests.cluster import free_ports
from tests.kafka.history import WINDOWS
from tests.kafka.hooks import Trap

ROOT = pathlib.Path(__file__).parents[2]
SESSION_TIMEOUT_S = 4.0  # as short as a busy machine allows: every kill waits for it
TRANSACTION_TIMEOUT_S = 15.0  # others wait so long for a worker that is paused inside of one
CALL_TIMEOUT_S = 10.0
COORDINATOR_S = 120.0  # a busy machine takes a while to start a broker


class Member:
    """A process of the fleet, while it runs and between its lives."""

    def __init__(self, name: str, directory: pathlib.Path, port: int) -> None:
        self.name = name
        self.port = port
        self.log = directory / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.stopped = False
        self.python = sys.executable

    @property
    def status(self) -> int | None:
        """Exit status; None while it runs or when it was never started."""
        return None if self.process is None else self.process.poll()

    @property
    def running(self) -> bool:
        """Whether there is a process that goes on."""
        return self.process is not None and self.process.poll() is None and not self.stopped

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """SIGKILL; returns when the process is gone."""
        self.signal(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self.stopped = False

    def pause(self) -> None:
        """SIGSTOP."""
        self.signal(signal.SIGSTOP)
        self.stopped = True

    def resume(self) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT)
        self.stopped = False

    def text(self) -> str:
        """Everything that its lives have logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def ready(self) -> bool:
        """Whether /readyz says so."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as page:
                return bool(page.status == 200)
        except OSError:
            return False


class Worker(Member):
    """One worker, which counts only: its directories, its trap, and its process."""

    def __init__(self, name: str, directory: pathlib.Path, port: int) -> None:
        super().__init__(name, directory, port)
        self.data_dir = directory / name / "data"
        self.trap = Trap(directory / name / "control")

    def wipe(self) -> None:
        """Remove the data directory of a worker that does not run."""
        shutil.rmtree(self.data_dir, ignore_errors=True)


class Serving(Member):
    """One serving process."""


class Fleet:
    """Workers by number, and the group that they form."""

    def __init__(
        self,
        bootstrap: str,
        directory: pathlib.Path,
        prefix: str,
        workers: int,
        settings: Mapping[str, str] | None = None,
        serving: int = 0,
        replication: int = 1,
    ) -> None:
        self.replication = replication
        self.bootstrap = bootstrap
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True)
        self.environ = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "SLATESTREAM_TOPIC_PREFIX": prefix,
            "SLATESTREAM_ATTRIBUTION_WINDOW_S": f"{WINDOWS.attribution_s:g}",
            "SLATESTREAM_CONVERSION_WINDOW_S": f"{WINDOWS.conversion_s:g}",
            "SLATESTREAM_SEGMENT_FIELDS": ",".join(WINDOWS.segment_fields),
            "SLATESTREAM_TOPIC_REPLICATION": str(replication),
            "SLATESTREAM_FLUSH_INTERVAL_MS": "200",
            "SLATESTREAM_SERVING": "off",
            "SLATESTREAM_SERVING_SESSION_TIMEOUT_S": "6",
            "SLATESTREAM_BROKER_SESSION_TIMEOUT_S": f"{SESSION_TIMEOUT_S:g}",
            "SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": "20",
            "SLATESTREAM_TRANSACTION_TIMEOUT_S": f"{TRANSACTION_TIMEOUT_S:g}",
            **(settings or {}),
        }
        self.workers = [
            Worker(f"w{n}", directory, port) for n, port in enumerate(free_ports(workers))
        ]
        self.serving = [
            Serving(f"s{n}", directory, port) for n, port in enumerate(free_ports(serving))
        ]
        self.names = TopicNames(prefix)
        self._meters: dict[str, Consumer] = {}  # by group

    @property
    def settings(self) -> Settings:
        """The settings that all workers share."""
        return load_settings(
            {name: value for name, value in self.environ.items() if not name.startswith("CHAOS_")}
        )

    def create_topics(self, partitions: int) -> None:
        """The declared topics; those that are not joined by user get one partition."""
        new = [
            NewTopic(
                self.names.of(t),
                partitions if t.attribute in COPARTITIONED else 1,
                self.replication,
                config=declared_configs(t, self.replication),
            )
            for t in TOPICS
        ]
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        for future in admin.create_topics(new).values():
            future.result(CALL_TIMEOUT_S)

    def delete_topics(self) -> None:
        """All topics of this prefix, changelogs too: brokers of many rounds must not grow."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        mine = [
            name
            for name in admin.list_topics(timeout=CALL_TIMEOUT_S).topics
            if name.startswith(self.names.prefix)
        ]
        for future in admin.delete_topics(mine).values():
            future.result(CALL_TIMEOUT_S)

    def launch(self, member: Member, python: str = sys.executable) -> None:
        """Start a worker or a serving process, on a Python of one's choice."""
        member.python = python
        if isinstance(member, Worker):
            self.start(member)
        elif isinstance(member, Serving):
            self.serve(member)

    def start(self, worker: Worker, **more: str) -> None:
        """Start a worker on what its directories hold."""
        own = {
            "SLATESTREAM_WORKER_NAME": worker.name,
            "SLATESTREAM_DATA_DIR": str(worker.data_dir),
            "SLATESTREAM_WORKER_HTTP_PORT": str(worker.port),
        }
        control = {"CHAOS_CONTROL": str(worker.trap.armed.parent)}
        self._launch(worker, ["-m", "tests.kafka.worker"], {**own, **control, **more})

    def serve(self, serving: Serving, **more: str) -> None:
        """Start a serving process."""
        own = {"SLATESTREAM_HTTP_PORT": str(serving.port)}
        self._launch(serving, ["-m", "streams", "serve"], {**own, **more})

    def _launch(self, member: Member, command: list[str], own: Mapping[str, str]) -> None:
        environ = {**os.environ, "OMP_NUM_THREADS": "1", **self.environ, **own}
        with member.log.open("ab") as log:
            member.process = subprocess.Popen(
                [member.python, *command],
                env=environ,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        member.stopped = False

    def committed(self, places: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Offsets of the groups that read these places: counting, or serving."""
        found: dict[tuple[str, int], int] = {}
        asks = [place for place in places if place[0] == self.names.slate_requests]
        for group, own in (
            (app_id(self.settings), [place for place in places if place not in asks]),
            (serving_group(self.settings), asks),
        ):
            if own:
                found |= self._committed(group, own)
        return found

    def _committed(self, group: str, places: list[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """Also while a transaction is being decided (which a reader of committed records would wait
        for).
        """
        meter = self._meters.get(group)
        if meter is None:
            meter = self._meters[group] = Consumer(
                {
                    "bootstrap.servers": self.bootstrap,
                    "log_level": 0,
                    "group.id": group,
                    "enable.auto.commit": False,
                    "isolation.level": "read_uncommitted",
                }
            )
        end = time.monotonic() + COORDINATOR_S
        while True:
            try:
                found = meter.committed(
                    [TopicPartition(*place) for place in places], timeout=CALL_TIMEOUT_S
                )
                return {(each.topic, each.partition): max(0, each.offset) for each in found}
            except KafkaException:  # the coordinator loads its log after a restart
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def read(self, ends: Mapping[tuple[str, int], int]) -> bool:
        """Whether the groups have committed all that is before these ends."""
        committed = self.committed(list(ends)) if ends else {}
        return all(committed[place] >= end for place, end in ends.items())

    def changelogs(self) -> tuple[str, str]:
        """Topics of the state: counts, slates."""
        return changelog_topics(self.settings)

    def close(self) -> None:
        """Kill whatever still runs."""
        for member in (*self.workers, *self.serving):
            member.resume()
            member.kill()
        for meter in self._meters.values():
            meter.close()
        self._meters.clear()


def kill_consumer(pid: int) -> None:
    """kill -9 of the process that reads for the worker `pid`."""
    name = "streams.counting.consumer_process"
    subprocess.run(["pkill", "-KILL", "-P", str(pid), "-f", name], check=True)


def wait_for(what: str, done: object, timeout_s: float = 60.0, every_s: float = 0.1) -> None:
    """Return once `done()` is true; `AssertionError` naming `what` when it does not become so."""
    assert callable(done)
    end = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout_s:g} s: {what}")
        time.sleep(every_s)
