"""Brokers for the tests of the batch side: Apache Kafka and the embedded broker, each with topics
of its own per test.
"""

from __future__ import annotations

import dataclasses
import uuid
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from encoder.release.shelf import Shelf


@dataclasses.dataclass(frozen=True)
class Names:
    """Topics of one test."""

    items: str
    clicks: str
    item_embeddings: str
    encoder_releases: str
    encoder_files: str


@pytest.fixture(
    params=[
        pytest.param("kafka", marks=pytest.mark.kafka),
        pytest.param("local_broker", marks=pytest.mark.local),
    ]
)
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """An empty place for releases; runs on both brokers."""
    return shelf_on(request.getfixturevalue(request.param), tmp_path)


@pytest.fixture
def kafka_shelf(kafka: str, tmp_path: Path) -> Shelf:
    """The same on Apache Kafka only, for what the embedded broker does not do."""
    return shelf_on(kafka, tmp_path)


@pytest.fixture
def local_shelf(local_broker: str, tmp_path: Path) -> Shelf:
    """The same on the embedded broker only, for what does not hang on the broker."""
    return shelf_on(local_broker, tmp_path)


def shelf_on(bootstrap: str, tmp_path: Path) -> Shelf:
    """Topics with a prefix of their own, and no folder of releases yet."""
    client = {"bootstrap.servers": bootstrap}
    prefix = f"t{uuid.uuid4().hex[:12]}."
    wanted = ("items", "clicks", "item-embeddings", "encoder-releases", "encoder-files")
    names = Names(*(prefix + name for name in wanted))
    admin = AdminClient(client)
    compact = {"cleanup.policy": "compact"}
    topics = [
        NewTopic(names.items, 3, 1, config=compact),
        NewTopic(names.clicks, 3, 1),
        NewTopic(names.item_embeddings, 3, 1, config=compact),
        NewTopic(names.encoder_releases, 1, 1, config=compact),
        NewTopic(names.encoder_files, 1, 1, config=compact),
    ]
    for made in admin.create_topics(topics).values():
        made.result(30)
    return Shelf(client, names, tmp_path / "releases")
