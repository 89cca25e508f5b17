"""An asymmetric release on Apache Kafka, from the topics to slates: known items keep the teacher's
vectors, new and changed ones get the student's and lie among them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Producer

from encoder.corpus.source import from_topics
from encoder.corpus.teacher import load_teacher
from encoder.release.refresh import refresh
from encoder.release.refresh_config import Plan
from encoder.release.shelf import Shelf
from encoder.serving.text import item_text
from encoder.serving.wire import ItemEmbedding, decode_embedding, decode_vector
from tests.encoder.making import catalogue, clicks, tiny_teacher
from tests.kafka.audit import committed_records
from tests.kafka.fleet import Fleet, wait_for

pytestmark = pytest.mark.kafka

ITEMS = catalogue(60)
NEW = {"item_id": "new", "title": ITEMS[3]["title"], "price": 12}


class Place:
    """A fleet with one serving process, and what is on its topics."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        self.producer = Producer(
            {"bootstrap.servers": fleet.bootstrap, "partitioner": "murmur2_random"}
        )

    def send(self, topic: str, key: str, value: object) -> None:
        self.producer.produce(topic, json.dumps(value).encode(), key.encode())

    def put(self, *items: dict[str, object]) -> None:
        for item in items:
            self.send(self.fleet.names.items, str(item["item_id"]), item)
        assert self.producer.flush(60) == 0

    def embeddings(self) -> dict[str, list[ItemEmbedding]]:
        """What stands on `item-embeddings` by item, in order."""
        found: dict[str, list[ItemEmbedding]] = {}
        topic = self.fleet.names.item_embeddings
        for record in committed_records(self.fleet.bootstrap, topic, [0]):
            embedding = decode_embedding(record.value())
            found.setdefault(embedding.item_id, []).append(embedding)
        return found

    def vector(self, item_id: str, number: int) -> np.ndarray:
        """The vector number `number` that came for an item."""
        wait_for(
            f"vector {number} of {item_id}",
            lambda: len(self.embeddings().get(item_id, ())) > number,
            every_s=0.5,
        )
        return decode_vector(self.embeddings()[item_id][number].vector)


def test_new_items_live_among_the_teachers_vectors(
    make_fleet: Callable[..., Fleet], tmp_path: Path
) -> None:
    releases = tmp_path / "serving"
    fleet = make_fleet(1, 4, serving=1, SLATESTREAM_RELEASES_DIR=releases)
    place = Place(fleet)
    place.put(*ITEMS)
    for click in clicks(ITEMS):
        place.send(fleet.names.clicks, click.user_id, {"slate_id": "s", **click._asdict()})
    place.producer.flush(60)

    # the batch side: it shares no folder with the serving process
    teacher = tiny_teacher(tmp_path / "teacher")
    client = {"bootstrap.servers": fleet.bootstrap}
    shelf = Shelf(client, fleet.names, tmp_path / "published")
    outcome = refresh(
        lambda: from_topics(client, fleet.names),
        Plan(teacher=str(teacher), catalogue="teacher"),
        shelf,
        tmp_path / "work",
        1000.0,
    )
    release = outcome.release
    assert release is not None, outcome.reasons
    assert (release.catalogue, release.items) == ("teacher", 60)

    fleet.start(fleet.workers[0])
    fleet.serve(fleet.serving[0])
    wait_for("both to be ready", lambda: all(m.ready() for m in (*fleet.workers, *fleet.serving)))
    wait_for("the folder", (releases / release.artifact).is_dir)

    taught = load_teacher(teacher)
    texts = [item_text(item) for item in ITEMS]
    known = taught.embed(texts)  # (60, 32)
    for number in (0, 3, 59):
        np.testing.assert_allclose(place.vector(f"item-{number}", 0), known[number], atol=1e-5)

    place.put(NEW)
    new = place.vector("new", 0)
    (exact,) = taught.embed([item_text(NEW)])
    assert not np.array_equal(new, exact)
    near, expected = (set(np.argsort(-known @ each)[:5].tolist()) for each in (new, exact))
    assert len(near & expected) >= 4
    assert 3 in near

    place.put({**ITEMS[0], "title": "small wool hat"})
    changed = place.vector("item-0", 1)
    assert changed @ taught.embed(["small wool hat."])[0] > 0.95
    place.put(ITEMS[0])
    np.testing.assert_array_equal(place.vector("item-0", 2), place.vector("item-0", 0))

    # a process that starts anew on an empty disk embeds nothing again
    fleet.serving[0].kill()
    fleet.serve(fleet.serving[0])
    wait_for("serving to be ready", fleet.serving[0].ready)
    place.put({**NEW, "item_id": "later"})
    place.vector("later", 0)
    assert sum(len(each) for each in place.embeddings().values()) == 60 + 1 + 2 + 1
