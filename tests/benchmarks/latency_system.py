"""The system under the latency benchmark: counting workers and serving processes, started, killed,
and asked whether they are ready and how far they have counted.
"""

import os
import pathlib
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import NamedTuple

from confluent_kafka import Consumer, TopicPartition

from streams.config import load_settings
from streams.contract.topics import TopicNames
from streams.kafka.names import app_id, changelog_topics
from tests.cluster import free_ports

ROOT = pathlib.Path(__file__).parents[2]
COUNTING, SERVING = "worker", "serve"  # the commands that start them
PARTITIONS = 6
SESSION_TIMEOUT_S = 6.0  # 30 as shipped; a kill is only over when it is
READY_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 45.0
COUNTED_TIMEOUT_S = 300.0
CALL_TIMEOUT_S = 20.0
LOOK_S = 0.1


class Member(NamedTuple):
    """One process of the system."""

    name: str
    process: "subprocess.Popen[bytes]"
    port: int
    log: pathlib.Path

    def ready(self) -> bool:
        """What its `/readyz` says."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as said:
                return bool(said.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def log_tail(self) -> str:
        """The end of what it has logged."""
        return self.log.read_text(errors="replace")[-3000:]


def launch(role: str, number: int, room: pathlib.Path, environ: dict[str, str]) -> Member:
    """Start number so-and-so of a role; the same number finds its data directory again."""
    name, port = f"{role}-{number}", free_ports(1)[0]
    own = {
        "SLATESTREAM_DATA_DIR": str(room / name),
        "SLATESTREAM_WORKER_NAME": name,
        "SLATESTREAM_HTTP_PORT": str(port),
    }
    if role == COUNTING:
        own |= {"SLATESTREAM_SERVING": "off", "SLATESTREAM_WORKER_HTTP_PORT": str(port)}
    log = room / f"{name}.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams", role],
            env={**os.environ, "OMP_NUM_THREADS": "1", **environ, **own},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    return Member(name, process, port, log)


class System:
    """Members by role, and the topics that they share.

    Parameters
    ----------
    bootstrap
        The brokers.
    room
        Data directories and logs.
    """

    def __init__(self, bootstrap: str, room: pathlib.Path) -> None:
        self.room = room
        self.environ = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap,
            "SLATESTREAM_TOPIC_PARTITIONS": str(PARTITIONS),
            "SLATESTREAM_RELEASES_DIR": str(room / "releases"),
            "SLATESTREAM_BROKER_SESSION_TIMEOUT_S": f"{SESSION_TIMEOUT_S:g}",
            "SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": f"{SESSION_TIMEOUT_S:g}",
        }
        self.members: dict[str, list[Member]] = {COUNTING: [], SERVING: []}
        self.settings = load_settings(self.environ)
        group = {"group.id": app_id(self.settings), "enable.auto.commit": False, "log_level": 0}
        # what is being written counts too
        levels = {"isolation.level": "read_uncommitted"}
        self._meter = Consumer({"bootstrap.servers": bootstrap, **group, **levels})
        names = TopicNames()
        self._sources = [
            TopicPartition(topic, number)
            for topic in (names.impressions, names.clicks)
            for number in range(PARTITIONS)
        ]

    def ensure(self, counting: int = 1, serving: int = 1) -> None:
        """So many processes of each role, no more, all of them ready."""
        for role, number in ((COUNTING, counting), (SERVING, serving)):
            members = self.members[role]
            for member in members:
                _check_running(member)
            while len(members) > number:
                self.end(role, signal.SIGTERM)
            while len(members) < number:
                self.start(role)
        self.wait_ready()

    def start(self, role: str, **more: str) -> Member:
        """Start one more, by the lowest number that is free."""
        taken = {member.name for member in self.members[role]}
        number = next(n for n in range(len(taken) + 1) if f"{role}-{n}" not in taken)
        member = launch(role, number, self.room, {**self.environ, **more})
        self.members[role].append(member)
        return member

    def end(self, role: str, number: signal.Signals) -> None:
        """End the oldest of a role by a signal; returns when it is gone."""
        member = self.members[role].pop(0)
        _end(member, number)

    def restart_counting(self, **more: str) -> None:
        """Stop the counting workers in order and start one again, with these settings."""
        while self.members[COUNTING]:
            self.end(COUNTING, signal.SIGTERM)
        self.start(COUNTING, **more)
        self.wait_ready()

    def wait_ready(self) -> None:
        """Until every member says that it is."""
        end = time.monotonic() + READY_TIMEOUT_S
        for member in [each for members in self.members.values() for each in members]:
            while not member.ready():
                _check_running(member)
                if time.monotonic() > end:
                    raise RuntimeError(
                        f"{member.name} was not ready within {READY_TIMEOUT_S:g} s:\n"
                        f"{member.log_tail()}"
                    )
                time.sleep(LOOK_S)

    def behind(self) -> int:
        """Events on the topics that are not counted and committed."""
        committed = self._meter.committed(self._sources, timeout=CALL_TIMEOUT_S)
        return sum(
            self._meter.get_watermark_offsets(place, CALL_TIMEOUT_S)[1] - max(0, place.offset)
            for place in committed
        )

    def rows_written(self) -> int:
        """Records of both changelogs so far, those of an open flush too."""
        return sum(
            self._meter.get_watermark_offsets(TopicPartition(topic, number), CALL_TIMEOUT_S)[1]
            for topic in changelog_topics(self.settings)
            for number in range(PARTITIONS)
        )

    def wait_counted(self) -> None:
        """Until every event is counted."""
        end = time.monotonic() + COUNTED_TIMEOUT_S
        while left := self.behind():
            if time.monotonic() > end:
                raise RuntimeError(f"{left} events were not counted in {COUNTED_TIMEOUT_S:g} s")
            time.sleep(LOOK_S)

    def log_tails(self) -> str:
        """The end of every member's log."""
        every = [each for members in self.members.values() for each in members]
        return "\n".join(f"{each.name}:\n{each.log_tail()}" for each in every)

    def close(self) -> None:
        """End all processes, and what they have started."""
        for members in self.members.values():
            for member in members:
                _end(member, signal.SIGKILL)
            members.clear()
        self._meter.close()


def _check_running(member: Member) -> None:
    status = member.process.poll()
    if status is not None:
        raise RuntimeError(f"{member.name} ended with {status}:\n{member.log_tail()}")


def _end(member: Member, number: signal.Signals) -> None:
    member.process.send_signal(number)
    try:
        member.process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        member.process.kill()
        member.process.wait()
