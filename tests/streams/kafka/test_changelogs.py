"""Changelogs exist, compacted and with the sources' partitions, before a worker reads them."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from streams.kafka.admin import TopicsError, partition_counts
from streams.kafka.changelogs import ensure_changelogs
from tests.kafka.fleet import wait_for
from tests.streams.making import settings

pytestmark = pytest.mark.local


@pytest.fixture
def names() -> tuple[str, str]:
    unique = uuid.uuid4().hex[:8]
    return f"{unique}-counts-changelog", f"{unique}-slates-changelog"


def test_what_is_missing_is_made_with_as_many_partitions_as_the_sources(
    local_broker: str, tmp_path: Path, names: tuple[str, str]
) -> None:
    admin = AdminClient({"bootstrap.servers": local_broker})
    ensure_changelogs(admin, names, 3, settings(tmp_path, local_broker))
    found = partition_counts(admin)
    assert [found[name] for name in names] == [3, 3]
    # a second worker finds them
    ensure_changelogs(admin, names, 3, settings(tmp_path, local_broker))


def test_sources_with_fewer_partitions_are_refused(
    local_broker: str, tmp_path: Path, names: tuple[str, str]
) -> None:
    admin = AdminClient({"bootstrap.servers": local_broker})
    ensure_changelogs(admin, names, 4, settings(tmp_path, local_broker))
    with pytest.raises(
        TopicsError,
        match=f"expected at most 2 partitions in {names[0]}, as in the sources, found 4",
    ):
        ensure_changelogs(admin, names, 2, settings(tmp_path, local_broker))


@pytest.mark.kafka
def test_changelogs_grow_with_the_sources(
    kafka: str, tmp_path: Path, names: tuple[str, str]
) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    ensure_changelogs(admin, names, 2, settings(tmp_path, kafka))
    ensure_changelogs(admin, names, 4, settings(tmp_path, kafka))
    wait_for("new partitions", lambda: [partition_counts(admin)[name] for name in names] == [4, 4])
    # what rows of counts grew by is there for an hour, whatever replaces them
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in names]
    configs = [future.result(20) for future in admin.describe_configs(asked).values()]
    lags = [config["min.compaction.lag.ms"].value for config in configs]
    assert lags == ["3600000", "0"]
