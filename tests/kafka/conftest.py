"""Fixtures of the tests with workers as processes: fleets that end with their test and leave no
topics behind.
"""

from __future__ import annotations

import itertools
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.cluster import Cluster, missing
from tests.kafka.fleet import Fleet
from tests.secured import SecuredCluster

_numbers = itertools.count()


@pytest.fixture(scope="session")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredCluster]:
    """Apache Kafka with a listener of every kind and ACLs, for the whole run."""
    reason = missing()
    if reason is not None:
        pytest.skip(reason)
    cluster = SecuredCluster(tmp_path_factory.mktemp("secured"))
    cluster.start()
    yield cluster
    cluster.close(wipe=True)


@pytest.fixture
def make_fleet(kafka_cluster: Cluster, tmp_path: pathlib.Path) -> Iterator[Callable[..., Fleet]]:
    """`make_fleet(workers, partitions=4, serving=0, **settings)`: workers and serving processes on
    topics of their own, not started yet.
    """
    fleets: list[Fleet] = []

    def make(workers: int, partitions: int = 4, serving: int = 0, **settings: Any) -> Fleet:
        number = next(_numbers)
        values = {name: str(value) for name, value in settings.items()}
        fleet = Fleet(
            kafka_cluster.bootstrap,
            tmp_path / f"fleet-{number}",
            f"f{number}-{time.time():.0f}.",
            workers,
            values,
            serving,
        )
        fleets.append(fleet)
        fleet.create_topics(partitions)
        return fleet

    yield make
    for fleet in fleets:
        fleet.close()
        fleet.delete_topics()
