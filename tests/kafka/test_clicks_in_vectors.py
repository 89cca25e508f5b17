"""A release with clicks in its vectors on Apache Kafka, from the topics to slates: new items get
their part from their texts, and slates are made with both.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Producer

from encoder.corpus.source import from_topics
from encoder.release.refresh import refresh
from encoder.release.refresh_config import Plan
from encoder.release.shelf import Shelf
from encoder.serving.artifact import load
from encoder.serving.embed import Embedder
from encoder.serving.text import item_text
from encoder.serving.wire import Thresholds, decode_embedding, decode_vector
from tests.encoder.making import catalogue, tiny_teacher
from tests.kafka.audit import committed_records
from tests.kafka.fleet import Fleet, wait_for

pytestmark = pytest.mark.kafka

KINDS, ITEMS = 6, catalogue(120)
NEW = {"item_id": "new", "title": "small red hat"}


def test_new_items_live_among_vectors_with_clicks(
    make_fleet: Callable[..., Fleet], tmp_path: Path
) -> None:
    releases = tmp_path / "serving"
    fleet = make_fleet(1, 4, serving=1, SLATESTREAM_RELEASES_DIR=releases)
    producer = Producer({"bootstrap.servers": fleet.bootstrap, "partitioner": "murmur2_random"})

    def send(topic: str, key: str, value: object) -> None:
        producer.produce(topic, json.dumps(value).encode(), key.encode())

    for item in ITEMS:
        send(fleet.names.items, str(item["item_id"]), item)
    rng = np.random.default_rng(1)
    for user in range(120):  # nine of ten clicks are on one kind, of which texts say nothing
        for at in range(12):
            kind = user % KINDS if rng.random() < 0.9 else int(rng.integers(KINDS))
            item = f"item-{kind + KINDS * int(rng.integers(len(ITEMS) // KINDS))}"
            click = {"slate_id": "s", "user_id": f"u{user}", "item_id": item, "ts": 1e9 + at}
            send(fleet.names.clicks, f"u{user}", click)
    assert producer.flush(60) == 0

    client = {"bootstrap.servers": fleet.bootstrap}
    shelf = Shelf(client, fleet.names, tmp_path / "published")
    said: list[str] = []
    outcome = refresh(
        lambda: from_topics(client, fleet.names),
        Plan(
            teacher=str(tiny_teacher(tmp_path / "teacher")),
            method="quick",
            quick={"dim": 8},
            catalogue="student",
            gate=Thresholds(),
        ),
        shelf,
        tmp_path / "work",
        1000.0,
        say=said.append,
    )
    release = outcome.release
    assert release is not None, outcome.reasons
    assert any(each.startswith("clicks have a part in the vectors (share ") for each in said)
    assert (release.text_dim, release.items) == (8, 120)
    assert release.dim > 8
    assert release.metrics["ndcg@10"] > release.metrics["text_ndcg@10"]

    fleet.start(fleet.workers[0])
    fleet.serve(fleet.serving[0])
    wait_for("both to be ready", lambda: all(m.ready() for m in (*fleet.workers, *fleet.serving)))
    wait_for("the folder", (releases / release.artifact).is_dir)
    send(fleet.names.items, "new", NEW)
    assert producer.flush(60) == 0

    def vectors() -> dict[str, np.ndarray]:
        records = committed_records(fleet.bootstrap, fleet.names.item_embeddings, [0])
        found = [decode_embedding(record.value()) for record in records]
        return {each.item_id: decode_vector(each.vector) for each in found}

    wait_for("a vector of the new item", lambda: "new" in vectors(), every_s=0.5)
    found = vectors()
    expected = Embedder(load(releases / release.artifact)).embed([item_text(NEW)])[0]
    np.testing.assert_allclose(found["new"], expected, atol=1e-5)
    # what users click together lies together, whatever its text
    known = np.array([found[f"item-{n}"] for n in range(120)])
    alike = np.arange(120)[:, None] % KINDS == np.arange(120)[None] % KINDS
    cosines = known @ known.T
    assert cosines[alike].mean() > cosines[~alike].mean() + 0.3

    def slate() -> dict[str, object]:
        body = json.dumps({"user_id": "u1", "k": 5}).encode()
        url = f"http://127.0.0.1:{fleet.serving[0].port}/v1/slates"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=60) as answer:
            return dict(json.load(answer))

    wait_for("slates with the release", lambda: slate()["encoder"] == release.version, every_s=0.5)
    assert len(slate()["items"]) == 5  # type: ignore[arg-type]
