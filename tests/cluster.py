"""Apache Kafka on loopback for the tests: one to three KRaft brokers, started from the jars of
`KAFKA_HOME/libs`.

A `Cluster` owns one directory: configuration, data and log of every broker. Brokers are numbered
from 1. Ports stay the same over `kill` and `restart`, so clients find a broker again where it was.

    with Cluster(tmp_path) as kafka:
        kafka.bootstrap        # "127.0.0.1:41235"
        kafka.kill(1)          # SIGKILL; data stay
        kafka.restart(1)       # returns when the broker answers again

Needs Java 17 (`JAVA_HOME` or `java` on the path) and `KAFKA_HOME`: any Apache Kafka distribution
from 3.5, or a folder that has nothing but its `libs`.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

READY_TIMEOUT_S = 90.0  # a busy two-core machine needs up to 30 s for three brokers
STOP_TIMEOUT_S = 20.0
PORT_ATTEMPTS = 3
TAKEN = "Address already in use"

# Kafka 4 logs by log4j 2, Kafka 3 by reload4j; each ignores the other's file.
LOG4J2 = """<Configuration status="ERROR">
<Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="out"/></Root>
<Logger name="kafka.server.KafkaRaftServer" level="INFO"/></Loggers></Configuration>
"""
LOG4J1 = """log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d %p %c %m%n
"""
# of Java, for brokers that are measured, and for those that live for minutes
MEASURED = ("-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20")
SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


class ClusterError(RuntimeError):
    """A broker did not start or did not answer; the message holds the end of its log."""


def missing() -> str | None:
    """What this machine lacks to run Apache Kafka, as one sentence; None when nothing
    is missing.
    """
    home = os.environ.get("KAFKA_HOME")
    if not home:
        return "KAFKA_HOME is not set (name an Apache Kafka distribution, 3.5 or newer)"
    if not any(Path(home, "libs").glob("kafka-clients-*.jar")):
        return f"KAFKA_HOME={home} holds no libs/kafka-clients-*.jar"
    if java_binary() is None:
        return "java was not found (install Java 17, or set JAVA_HOME)"
    return None


def java_binary() -> str | None:
    """The Java of `JAVA_HOME`, else the one on the path."""
    home = os.environ.get("JAVA_HOME")
    if home and Path(home, "bin", "java").exists():
        return str(Path(home, "bin", "java"))
    return shutil.which("java")


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on; held open together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


class Cluster:
    """One to three brokers, each broker and controller at once.

    Parameters
    ----------
    directory
        Holds everything; a second `start` in the same directory finds the data again.
    brokers
        Replication of Kafka's own topics is the smaller of this and 3.
    heap
        Java heap of each broker.
    settings
        More lines for `server.properties`, over those made here.
    measured
        Speed is what matters: Java's optimising compiler, which takes half of the CPU of a broker
        that lives for a minute.
    """

    def __init__(
        self,
        directory: Path,
        *,
        brokers: int = 1,
        heap: str = "512m",
        settings: Mapping[str, str] | None = None,
        measured: bool = False,
    ) -> None:
        reason = missing()
        if reason is not None:
            raise ClusterError(reason)
        self.directory = directory.resolve()
        self.nodes = list(range(1, brokers + 1))
        self.heap = heap
        self.tuning = MEASURED if measured else SHORT_LIVED
        self.settings = dict(settings or {})
        self.client_ports: dict[int, int] = {}
        self.controller_ports: dict[int, int] = {}
        self._choose_ports()
        self.processes: dict[int, subprocess.Popen[bytes]] = {}

    @property
    def bootstrap(self) -> str:
        """The value for `KAFKA_BOOTSTRAP_SERVERS`."""
        return ",".join(f"127.0.0.1:{port}" for port in self.client_ports.values())

    def start(self) -> Cluster:
        """Format the storage (kept when it is formatted already), start all brokers, wait until
        each one answers.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / "log4j2.xml").write_text(LOG4J2)
        (self.directory / "log4j.properties").write_text(LOG4J1)
        for attempts_left in reversed(range(PORT_ATTEMPTS)):
            try:
                self._start_once()
                break
            except ClusterError as error:
                self.close()
                if TAKEN not in str(error) or not attempts_left:
                    raise
                self._choose_ports()  # somebody was faster between the choice and the start
            except BaseException:
                self.close()
                raise
        return self

    def _choose_ports(self) -> None:
        ports = free_ports(2 * len(self.nodes))
        self.client_ports = dict(zip(self.nodes, ports[: len(self.nodes)], strict=True))
        self.controller_ports = dict(zip(self.nodes, ports[len(self.nodes) :], strict=True))

    def _start_once(self) -> None:
        kept = self.directory / "cluster-id"  # formatted storage belongs to one cluster
        if not kept.exists():
            kept.write_text(
                base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "a")
            )
        cluster_id = kept.read_text()
        for node in self.nodes:
            self._configuration(node).write_text(
                "".join(f"{k}={v}\n" for k, v in self._properties(node).items())
            )
            arguments = [
                "format",
                "--ignore-formatted",
                "-t",
                cluster_id,
                "-c",
                str(self._configuration(node)),
            ]
            made = subprocess.run(
                self._java("128m", "kafka.tools.StorageTool", *arguments),
                capture_output=True,
                check=False,
            )
            if made.returncode != 0:
                raise ClusterError(
                    f"storage of broker {node} could not be "
                    f"formatted:\n{made.stderr.decode()[-2000:]}"
                )
        for node in self.nodes:
            self._launch(node)
        self.wait_ready()

    def kill(self, node: int = 1) -> None:
        """SIGKILL, as a power cut; returns when the process is gone."""
        self.processes[node].kill()
        self.processes[node].wait()

    def pause(self, node: int = 1) -> None:
        """SIGSTOP: the broker holds its connections and answers nothing."""
        self.processes[node].send_signal(signal.SIGSTOP)

    def resume(self, node: int = 1) -> None:
        """SIGCONT after `pause`."""
        self.processes[node].send_signal(signal.SIGCONT)

    def terminate(self, node: int = 1) -> int:
        """SIGTERM, as an operator would; returns the exit status."""
        self.processes[node].terminate()
        return self.processes[node].wait(STOP_TIMEOUT_S)

    def restart(self, node: int = 1) -> None:
        """Start one broker again on its data and its port; ends the old process first when it still
        runs.
        """
        self.launch(node)
        self.wait_ready()

    def launch(self, node: int = 1) -> None:
        """The same without waiting for its answer."""
        old = self.processes.get(node)
        if old is not None and old.poll() is None:
            self.terminate(node)
        self._launch(node)

    def wait_ready(self, timeout_s: float = READY_TIMEOUT_S) -> None:
        """Until every broker is in the cluster's metadata, as each broker itself tells it."""
        end = time.monotonic() + timeout_s
        for node, port in self.client_ports.items():
            admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
            while not self._answers(admin):
                status = self.processes[node].poll()
                if status is not None:
                    raise ClusterError(f"broker {node} ended with {status}:\n{self.log_tail(node)}")
                if time.monotonic() > end:
                    raise ClusterError(
                        f"broker {node} did not answer within {timeout_s} s:\n{self.log_tail(node)}"
                    )
                time.sleep(0.1)

    def log_tail(self, node: int = 1, size: int = 6000) -> str:
        """The end of a broker's log."""
        log = self.directory / f"broker-{node}.log"
        return log.read_text(errors="replace")[-size:] if log.exists() else "(no log)"

    def close(self, *, wipe: bool = False) -> None:
        """End all brokers; with `wipe` remove the directory too."""
        running = [process for process in self.processes.values() if process.poll() is None]
        for process in running:
            process.send_signal(signal.SIGCONT)  # a stopped process does not act on SIGTERM
            process.terminate()
        end = time.monotonic() + STOP_TIMEOUT_S
        for process in running:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        if wipe:
            shutil.rmtree(self.directory)

    def __enter__(self) -> Cluster:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close(wipe=kind is None)

    def _answers(self, admin: AdminClient) -> bool:
        try:
            return len(admin.list_topics(timeout=2).brokers) == len(self.nodes)
        except KafkaException:
            return False

    def _configuration(self, node: int) -> Path:
        return self.directory / f"broker-{node}.properties"

    def _java(self, heap: str, *arguments: str) -> list[str]:
        java = java_binary() or "java"
        logging = [
            f"-Dlog4j2.configurationFile={self.directory / 'log4j2.xml'}",
            f"-Dlog4j.configuration=file:{self.directory / 'log4j.properties'}",
        ]
        tuning = [f"-Xms{heap}", f"-Xmx{heap}", *self.tuning]
        return [java, *tuning, *logging, "-cp", f"{os.environ['KAFKA_HOME']}/libs/*", *arguments]

    def _launch(self, node: int) -> None:
        with (self.directory / f"broker-{node}.log").open("ab") as log:
            command = self._java(self.heap, "kafka.Kafka", str(self._configuration(node)))
            # A session of its own: Ctrl-C at the terminal goes to pytest, which then ends the
            # brokers in order.
            self.processes[node] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )

    def _properties(self, node: int) -> dict[str, str]:
        replication = str(min(3, len(self.nodes)))
        in_sync = str(max(1, min(3, len(self.nodes)) - 1))
        client = f"PLAINTEXT://127.0.0.1:{self.client_ports[node]}"
        return {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "controller.quorum.voters": ",".join(
                f"{n}@127.0.0.1:{p}" for n, p in self.controller_ports.items()
            ),
            "controller.listener.names": "CONTROLLER",
            "listeners": f"{client},CONTROLLER://127.0.0.1:{self.controller_ports[node]}",
            "advertised.listeners": client,
            "log.dirs": str(self.directory / f"data-{node}"),
            "default.replication.factor": replication,
            "min.insync.replicas": in_sync,
            "offsets.topic.replication.factor": replication,
            "offsets.topic.num.partitions": "8",
            "transaction.state.log.replication.factor": replication,
            "transaction.state.log.min.isr": in_sync,
            "transaction.state.log.num.partitions": "4",
            "auto.create.topics.enable": "false",
            "group.initial.rebalance.delay.ms": "0",  # 3 s as shipped, paid by every test
            "group.min.session.timeout.ms": "1000",  # tests of lost workers do not wait 6 s
            # A killed broker may register again only when its old session is over: 9 s as shipped.
            "broker.session.timeout.ms": "4000",
            "broker.heartbeat.interval.ms": "500",
            "num.network.threads": "2",
            "num.io.threads": "4",
            **self.settings,
        }
