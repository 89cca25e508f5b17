"""ItemEmbedder: what is due, and that it is embedded on the real path (a static artifact,
real Kafka).
"""

import asyncio
import contextlib
import time

import numpy as np
import orjson
import pytest
from confluent_kafka import Consumer
from confluent_kafka.admin import AdminClient, NewTopic

from encoder.serving.artifact import load
from encoder.serving.text import item_text, text_hash
from encoder.serving.wire import (
    ItemEmbedding,
    Release,
    decode_embedding,
    decode_vector,
    encode_record,
    encode_vector,
)
from streams.metrics import Metrics
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import Index
from streams.serving.embeddings import EmbeddingsView
from streams.serving.item_embedder import ItemEmbedder
from tests.encoder.making import static_artifact

FILM = {"item_id": "new", "title": "red train"}


@pytest.fixture
def views(tmp_path):
    """A release v1 of one item, its folder in place, and a catalogue with that item and
    a new one.
    """
    artifact = static_artifact(tmp_path / "v1")
    catalogue = CatalogueView(Index())
    known = {"item_id": "known", "title": "blue train"}
    catalogue.put("known", orjson.dumps(known), 1.0, partition=0)
    catalogue.put("new", orjson.dumps(FILM), 1.0, partition=1)
    vectors = EmbeddingsView(catalogue, "encoder-releases", tmp_path, lambda _state: None)
    vector = encode_vector(np.eye(artifact.dim, dtype=np.float32)[0])
    vectors.put_embedding(
        "known", encode_record(ItemEmbedding("known", "v1", vector, text_hash(item_text(known))))
    )
    vectors.put_release(
        encode_record(Release("v1", artifact.dim, 1, "v1", artifact.sha256, 1.0, {}))
    )
    assert vectors.encoder == "v1"
    return catalogue, vectors


def item_embedder(views, client=None) -> ItemEmbedder:
    catalogue, vectors = views
    return ItemEmbedder(
        client or {"bootstrap.servers": "127.0.0.1:1", "log_level": 0},
        "item-embeddings",
        catalogue,
        vectors,
        Metrics(),
    )


def test_only_items_without_a_vector_of_their_present_text_are_due(views):
    assert [due.item.item_id for due in item_embedder(views).due({0, 1}, 10)] == ["new"]


def test_changed_text_is_due_again(views):
    views[0].put(
        "known", orjson.dumps({"item_id": "known", "title": "green train"}), 2.0, partition=0
    )
    assert [due.item.item_id for due in item_embedder(views).due({0}, 10)] == ["known"]


def test_items_of_other_workers_are_not_due(views):
    assert item_embedder(views).due({0}, 10) == []
    assert item_embedder(views).due(set(), 10) == []


@pytest.mark.kafka
def test_new_item_is_embedded_with_the_release_in_force(views, kafka, tmp_path):
    topic = f"arrivals-{time.time():.0f}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    subject = ItemEmbedder({"bootstrap.servers": kafka}, topic, *views, Metrics())

    async def run_for_a_moment() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(subject.run(lambda: {0, 1}, lambda: True), 2.0)

    asyncio.run(run_for_a_moment())
    consumer = Consumer(
        {"bootstrap.servers": kafka, "group.id": topic, "auto.offset.reset": "earliest"}
    )
    consumer.subscribe([topic])
    records = [
        record
        for record in (consumer.poll(1.0) for _ in range(12))
        if record is not None and record.error() is None
    ]
    consumer.close()
    # once, though the views never learned of it
    assert [record.key() for record in records] == [b"new"]
    embedding = decode_embedding(records[0].value())
    assert (embedding.version, embedding.text_hash) == ("v1", text_hash(item_text(FILM)))
    assert np.isclose(
        np.linalg.norm(decode_vector(embedding.vector, load(tmp_path / "v1").dim)), 1.0
    )
