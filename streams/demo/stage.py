"""The stage of the demo: broker, topics, one worker with its serving process, in a directory and
under a prefix of their own; all of it goes again.

1. broker        embedded, unless KAFKA_BOOTSTRAP_SERVERS is set
2. topics        created under a prefix that nobody else has
3. worker        a process of its own, as in production, with a serving process beside it; ready
                 when `/readyz` of both says so
down: worker by SIGTERM, topics of a broker that stays, embedded broker, directory
"""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

from streams.config import Settings, load_settings
from streams.contract.topics import TOPICS, TopicNames
from streams.kafka.admin import create
from streams.kafka.client import connect
from streams.kafka.embedded_broker import ENVIRONMENT, EmbeddedBroker, free_port
from streams.kafka.names import changelog_topics

PARTITIONS = "4"
READY_TIMEOUT_S = 60.0
WORKER_STOP_S = 15.0
POLL_S = 0.1
POLICY = "SLATESTREAM_POLICY_FILE"
# what learning is worth: the others against random slates for one visitor of ten
HOLDBACK = """
[variants.random]
kind = "holdback"
policy = "random"
share = 0.1
"""
COMPLAINTS = ("ERROR", "CRITICAL", "Error:")


class StageError(RuntimeError):
    """The worker did not come up, or ended; the message names its log, which is kept."""


class Stage(NamedTuple):
    """What stands: the settings that all share, the environment that gives them, a scratch
    directory.
    """

    settings: Settings
    environ: Mapping[str, str]
    directory: Path
    embedded: bool


@contextlib.contextmanager
def stage(environ: Mapping[str, str]) -> Iterator[Stage]:
    """Broker and topics; steps 1 and 2 of the module's docstring, and down again."""
    with contextlib.ExitStack() as stack:
        directory = Path(tempfile.mkdtemp(prefix="slatestream-demo-"))
        stack.push(_remove(directory))
        env = {**environ, **_own(directory, environ)}
        embedded = not environ.get("KAFKA_BOOTSTRAP_SERVERS")
        if embedded:  # 1
            broker = stack.enter_context(EmbeddedBroker())
            env |= {"KAFKA_BOOTSTRAP_SERVERS": broker.bootstrap, **ENVIRONMENT}
        settings = load_settings(env)
        admin = connect(settings)
        # 2
        create(
            admin,
            TopicNames(settings.topic_prefix),
            settings.topic_partitions,
            settings.topic_replication,
        )
        if not embedded:
            stack.callback(_delete_topics, settings)
        yield Stage(settings, env, directory, embedded)


@contextlib.contextmanager
def worker(on: Stage) -> Iterator["subprocess.Popen[bytes]"]:
    """Step 3: a worker that is ready; ended by SIGTERM.

    Raises
    ------
    StageError
        When it ends before it is ready, or takes longer than `READY_TIMEOUT_S`.
    """
    log = on.directory / "worker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            worker_command(), stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=dict(on.environ)
        )
    try:
        for port in (on.settings.worker_http_port, on.settings.http_port):
            _wait_ready(process, f"http://127.0.0.1:{port}/readyz", log)
        yield process
    finally:
        process.terminate()
        try:
            process.wait(WORKER_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def worker_command() -> list[str]:
    """The worker as production runs it, with this interpreter."""
    return [sys.executable, "-m", "faust", "-A", "streams.app", "worker", "-l", "info"]


def still_running(process: "subprocess.Popen[bytes]", on: Stage) -> None:
    """Raise `StageError` when the worker has ended by itself."""
    if process.poll() is not None:
        raise StageError(
            _said(f"the worker ended with {process.returncode}", on.directory / "worker.log")
        )


def _own(directory: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """Settings of the demo, over whatever the user has set: nothing of a real installation is
    touched. A policy file of the user's stays; else there is one with a holdback.
    """
    return {
        "SLATESTREAM_TOPIC_PREFIX": f"demo-{uuid.uuid4().hex[:8]}.",
        "SLATESTREAM_TOPIC_PARTITIONS": PARTITIONS,
        "SLATESTREAM_TOPIC_REPLICATION": "1",
        "SLATESTREAM_DATA_DIR": str(directory / "data"),
        "SLATESTREAM_RELEASES_DIR": str(directory / "releases"),
        "SLATESTREAM_WORKER_NAME": "demo",
        "SLATESTREAM_SEGMENT_FIELDS": "age,gender",
        "SLATESTREAM_SERVING": "on",
        "SLATESTREAM_HTTP_HOST": "127.0.0.1",
        "SLATESTREAM_HTTP_PORT": str(free_port(6066)),
        "SLATESTREAM_WORKER_HTTP_PORT": str(free_port(6067)),
        "SLATESTREAM_HTTP_TOKEN": "",
        **({} if environ.get(POLICY) else {POLICY: str(_policy_file(directory))}),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
    }


def _policy_file(directory: Path) -> Path:
    """The demo's, unless the user has one."""
    path = directory / "policy.toml"
    path.write_text(HOLDBACK)
    return path


def _wait_ready(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    end = time.monotonic() + READY_TIMEOUT_S
    while True:
        if process.poll() is not None:
            raise StageError(
                _said(f"the worker ended with {process.returncode} before it was ready", log)
            )
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        if time.monotonic() > end:
            raise StageError(_said(f"the worker was not ready within {READY_TIMEOUT_S:g} s", log))
        time.sleep(POLL_S)


def _said(what: str, log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    complaints = [line for line in lines if any(word in line for word in COMPLAINTS)]
    return f"{what}; it said {(complaints or lines or ['nothing'])[0]!r}; its log is {log}"


def _remove(
    directory: Path,
) -> Callable[[type[BaseException] | None, BaseException | None, TracebackType | None], bool]:
    """At the end, remove the directory, unless the log in it is what somebody has to read now."""

    def leave(
        kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if kind is None or not issubclass(kind, StageError):
            shutil.rmtree(directory, ignore_errors=True)
        return False

    return leave


def _delete_topics(settings: Settings) -> None:
    """A broker that stays keeps nothing of the demo."""
    names = TopicNames(settings.topic_prefix)
    admin = connect(settings)
    topics: Sequence[str] = [*(names.of(topic) for topic in TOPICS), *changelog_topics(settings)]
    there = admin.list_topics(timeout=10).topics.keys()
    for future in admin.delete_topics([name for name in topics if name in there]).values():
        future.result(20)
