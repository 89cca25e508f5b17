"""A poisoned release and a worker that answers: no slate ever carries it."""

from __future__ import annotations

import json
import time
import uuid
from pathlib import Path

import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from encoder.serving.wire import ItemEmbedding, Release, encode_record, encode_vector
from tests.streams.topics_on import until
from tests.streams.worker_process import WorkerProcess

ITEMS, DIM = [f"film-{number}" for number in range(6)], 4


def embeddings(version: str, dim: int = DIM, poison: float = 0.0) -> list[tuple[str, str, bytes]]:
    """A vector for every item; `poison` is added to the first value of the first."""
    vectors = np.random.default_rng(len(version)).normal(size=(len(ITEMS), dim)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0, 0] += np.float32(poison)
    return [
        (
            "item-embeddings",
            item,
            encode_record(ItemEmbedding(item, version, encode_vector(vector))),
        )
        for item, vector in zip(ITEMS, vectors, strict=True)
    ]


def release(version: str, dim: int = DIM) -> tuple[str, str, bytes]:
    return (
        "encoder-releases",
        version,
        encode_record(Release(version, dim, len(ITEMS), version, "0" * 64, time.time(), {})),
    )


POISONS = {
    "nan": [*embeddings("nan", poison=float("nan")), release("nan")],
    "dimension": [*embeddings("dimension", dim=DIM + 1), release("dimension")],
    "missing": [*embeddings("missing")[1:], release("missing")],
    # its folder is there and is not what the record says
    "hash": [*embeddings("hash"), release("hash")],
    "broken": [("encoder-releases", "broken", b"{broken")],
}


@pytest.mark.kafka
@pytest.mark.slow
def test_no_slate_ever_carries_a_poisoned_release_and_the_next_good_one_takes_over(
    kafka: str, tmp_path: Path
) -> None:
    prefix = f"poison-{uuid.uuid4().hex[:8]}."
    worker = WorkerProcess(tmp_path, kafka, prefix)
    worker.command("topics", "create")
    (tmp_path / "releases" / "hash").mkdir(parents=True)
    (tmp_path / "releases" / "hash" / "manifest.json").write_text("{}")
    producer = Producer({"bootstrap.servers": kafka, "partitioner": "murmur2_random"})
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": prefix})
    consumer.assign([TopicPartition(prefix + "slates", number, 0) for number in range(3)])
    asked: list[str] = []

    def send(*records: tuple[str, str, bytes]) -> None:
        for topic, key, value in records:
            producer.produce(prefix + topic, value, key.encode())
        assert producer.flush(30) == 0

    def answers(requests: int = 20) -> list[str | None]:
        """The encoder that each of some new slates names."""
        mine = {f"r{len(asked) + number}" for number in range(requests)}
        asked.extend(mine)
        send(
            *(
                (
                    "slate-requests",
                    name,
                    json.dumps(
                        {"request_id": name, "user_id": name, "k": 3, "ts": time.time()}
                    ).encode(),
                )
                for name in mine
            )
        )
        found: dict[str, str | None] = {}
        end = time.monotonic() + 60
        while found.keys() != mine:
            assert time.monotonic() < end, (
                f"{len(mine) - len(found)} requests were not answered:\n{worker.log_end()}"
            )
            for record in consumer.consume(100, 0.2):
                assert record.error() is None
                slate = json.loads(record.value() or b"")
                assert len(slate["items"]) == 3
                assert all(
                    np.isfinite(item["score"]) and 0 < item["propensity"] <= 1
                    for item in slate["items"]
                )
                found[slate["slate_id"]] = slate["encoder"]
        return list(found.values())

    send(
        *(("items", item, json.dumps({"item_id": item, "title": item}).encode()) for item in ITEMS)
    )
    with worker:
        send(*embeddings("good"), release("good"))
        until(lambda: set(answers()) == {"good"}, 60)
        for poison in POISONS.values():
            send(*poison)
            end = time.monotonic() + 1.5
            while time.monotonic() < end:
                assert set(answers()) == {"good"}
        log = worker.log.read_text()
        assert all(f"{name}" in log for name in ("nan", "dimension", "hash")), worker.log_end()
        send(*embeddings("better"), release("better"))
        until(lambda: set(answers()) == {"better"}, 60)
        assert worker.stop() == 0
    consumer.close()
