"""ItemEmbedder: what is due, and that it is embedded on the real path (a static artifact,
real Kafka).
"""

import time

import numpy as np
import orjson
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from encoder.release.publish import store
from encoder.serving.artifact import load
from encoder.serving.embed import Embedder
from encoder.serving.stored_embeddings import Stored
from encoder.serving.text import item_text, text_hash
from encoder.serving.wire import (
    ItemEmbedding,
    Release,
    decode_embedding,
    decode_vector,
    encode_record,
    encode_vector,
)
from streams.contract.events import Item
from streams.contract.partitioner import partition_of
from streams.kafka.producer import EventSender
from streams.kafka.topic_reader import TopicReader
from streams.metrics import ServingMetrics
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import Index
from streams.serving.embeddings import EmbeddingsView
from streams.serving.item_embedder import Due, ItemEmbedder, Work
from tests.encoder.making import static_artifact
from tests.streams.topics_on import until

PARTITIONS = 3
ALL = frozenset(range(PARTITIONS))
NEW = {"item_id": "new", "title": "red train"}


@pytest.fixture
def views(tmp_path):
    """A release v1 of one item, its folder in place, and a catalogue with that item and
    a new one.
    """
    artifact = static_artifact(tmp_path / "v1")
    catalogue = CatalogueView(Index(), 10_000)
    known = {"item_id": "known", "title": "blue train"}
    catalogue.put(b"known", orjson.dumps(known), 1.0)
    catalogue.put(b"new", orjson.dumps(NEW), 1.0)
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


def item_embedder(views, assigned=ALL, bootstrap="127.0.0.1:1", topic="t") -> ItemEmbedder:
    catalogue, vectors = views
    return ItemEmbedder(
        catalogue,
        vectors,
        PARTITIONS,
        lambda: assigned,
        EventSender({"bootstrap.servers": bootstrap}),
        topic,
        ServingMetrics(),
    )


def read(bootstrap: str, topic: str) -> list:
    """The records of a topic with one partition."""
    with TopicReader({"bootstrap.servers": bootstrap}, topic) as reader:
        return list(reader.until_end())


def due(subject: ItemEmbedder) -> list[str]:
    """What the thread, which is not running, was handed."""
    found = [] if subject._work is None else [each.item.item_id for each in subject._work.due]
    subject._work = None
    return found


def test_only_items_without_a_vector_of_their_present_text_are_due_and_once(views):
    subject = item_embedder(views)
    subject.turn([])
    assert due(subject) == ["new"]
    subject.turn([])
    assert due(subject) == []


def test_changed_text_is_due_and_nothing_else_is_looked_at(views):
    subject = item_embedder(views)
    subject.turn([])
    due(subject)
    views[0].put(b"known", orjson.dumps({"item_id": "known", "title": "green train"}), 2.0)
    subject.turn(["known"])
    assert due(subject) == ["known"]


def test_items_of_other_processes_are_not_due_until_their_partition_comes_here(views):
    mine = partition_of("new", PARTITIONS)
    subject = item_embedder(views, ALL - {mine})
    subject.turn([])
    assert due(subject) == []
    subject._assigned = lambda: frozenset({mine})
    subject.turn([])
    assert due(subject) == ["new"]


def test_a_new_release_makes_all_that_it_lacks_due(views):
    subject = item_embedder(views)
    subject.turn([])
    due(subject)
    vectors = views[1]
    two = np.eye(2, dtype=np.float32)[0]
    vectors.put_embedding("known", encode_record(ItemEmbedding("known", "v2", encode_vector(two))))
    vectors.put_release(encode_record(Release("v2", 2, 1, "v2", "0" * 64, 2.0, {})))
    assert vectors.encoder == "v2"
    vectors._artifacts["v2"] = vectors._artifacts["v1"]
    subject.turn([])
    assert sorted(due(subject)) == ["known", "new"]


@pytest.mark.kafka
def test_changed_items_get_the_students_vector_and_one_that_changed_back_the_catalogues(
    kafka, tmp_path
):
    """The vectors of the catalogue are another encoder's, so that only the folder has them."""
    known = {"item_id": "known", "title": "blue train"}
    model = static_artifact(tmp_path / "model")
    published = np.eye(model.dim, dtype=np.float32)[3]
    stored = Stored(["known"], published[None], [text_hash(item_text(known))])
    artifact = store(model, stored, tmp_path / "releases", {}, "teacher")
    catalogue = CatalogueView(Index(), 10_000)
    vectors = EmbeddingsView(catalogue, "r", tmp_path / "releases", lambda _state: None)
    topic = f"changed-{time.time():.0f}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    subject = item_embedder((catalogue, vectors), bootstrap=kafka, topic=topic)
    changed = {"item_id": "known", "title": "red train"}
    for item in (changed, known):
        text = item_text(item)
        subject.embed(Work(artifact, artifact.version, [Due(Item(**item), text, text_hash(text))]))
    found = [
        decode_vector(decode_embedding(record.value()).vector) for record in read(kafka, topic)
    ]
    np.testing.assert_array_equal(found[0], Embedder(artifact).embed([item_text(changed)])[0])
    np.testing.assert_array_equal(found[1], published)


@pytest.mark.kafka
def test_new_item_is_embedded_with_the_live_release(views, kafka, tmp_path):
    topic = f"embed-{time.time():.0f}"
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(20)
    subject = item_embedder(views, bootstrap=kafka, topic=topic)
    subject.start()
    subject.turn([])
    until(lambda: subject._work is None, 30)
    subject.turn(["new"])  # the views never learned of it
    until(lambda: subject._work is None, 30)
    subject.stop()
    records = read(kafka, topic)
    assert [record.key() for record in records] == [b"new"]
    embedding = decode_embedding(records[0].value())
    assert (embedding.version, embedding.text_hash) == ("v1", text_hash(item_text(NEW)))
    assert np.isclose(
        np.linalg.norm(decode_vector(embedding.vector, load(tmp_path / "v1").dim)), 1.0
    )
