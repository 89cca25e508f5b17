"""The engine under load on Apache Kafka: ten thousand requests are answered while it counts, none
lost, none twice.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
import time
import uuid
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from streams.worker.engine import Engine
from tests.streams.topics_on import until
from tests.streams.worker_process import WorkerProcess

REQUESTS, IMPRESSIONS, K = 10_000, 200_000, 5
ITEMS, USERS, SEGMENTS = 100, 2_000, 8
ANSWERED_TIMEOUT_S = 240.0


def client(bootstrap: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "linger.ms": 5,
            "queue.buffering.max.messages": 1_000_000,
        }
    )


def send(producer: Producer, topic: str, user: str, event: dict[str, object]) -> None:
    producer.produce(topic, json.dumps(event).encode(), user.encode())
    producer.poll(0)


def impress(bootstrap: str, prefix: str, truth: Counter[tuple[str, str]]) -> None:
    """Slates of ten, as fast as it goes."""
    producer, rng, start_s = client(bootstrap), random.Random(2), time.time() - 900
    for slate in range(IMPRESSIONS // 10):
        user, segment, first = (
            f"user-{rng.randrange(USERS)}",
            f"segment-{rng.randrange(SEGMENTS)}",
            rng.randrange(ITEMS),
        )
        for position in range(10):
            item = f"item-{(first + position) % ITEMS}"
            truth[segment, item] += 1
            event = {
                "slate_id": f"load-{slate}",
                "user_id": user,
                "item_id": item,
                "position": position,
                "segment": segment,
            }
            send(producer, prefix + "impressions", user, {**event, "ts": start_s + slate * 0.01})
    assert producer.flush(120) == 0


def test_three_of_four_flushes_are_left_out_while_an_old_log_is_read() -> None:
    flushed: list[int] = []

    async def flush() -> None:
        flushed.append(at)

    engine: Any = Engine.__new__(Engine)
    engine.store, engine._tracker, engine._flushes_left_out = (
        SimpleNamespace(flush=flush),
        SimpleNamespace(busy=True),
        0,
    )
    engine._garbage = None
    for at in range(10):
        engine._tracker.busy = at < 8
        asyncio.run(engine.flush())
    assert flushed == [3, 7, 8, 9]


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(600)
def test_ten_thousand_requests_are_answered_once_each_while_200_000_impressions_are_counted(
    kafka: str, tmp_path: Path
) -> None:
    prefix = f"load-{uuid.uuid4().hex[:8]}."
    worker = WorkerProcess(tmp_path, kafka, prefix)
    worker.command("topics", "create")
    producer = client(kafka)
    for number in range(ITEMS):
        send(
            producer,
            prefix + "items",
            f"item-{number}",
            {"item_id": f"item-{number}", "title": f"Item {number}"},
        )
    assert producer.flush(60) == 0
    truth: Counter[tuple[str, str]] = Counter()
    answers: Counter[str] = Counter()
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "answers"})
    consumer.assign([TopicPartition(prefix + "slates", number, 0) for number in range(3)])
    with worker:
        counting = threading.Thread(target=impress, args=(kafka, prefix, truth))
        counting.start()
        for number in range(REQUESTS):
            user = f"user-{number % USERS}"
            request = {
                "request_id": f"r-{number}",
                "user_id": user,
                "k": K,
                "segment": f"segment-{number % SEGMENTS}",
                "ts": time.time(),
            }
            send(producer, prefix + "slate-requests", user, request)
            if number % 100 == 0:
                time.sleep(0.02)  # spread over the counting
        assert producer.flush(60) == 0
        end = time.monotonic() + ANSWERED_TIMEOUT_S
        while len(answers) < REQUESTS and time.monotonic() < end:
            for record in consumer.consume(1000, 0.2):
                assert record.error() is None
                slate = json.loads(record.value() or b"")
                assert len({item["item_id"] for item in slate["items"]}) == K
                assert slate["segment"] == f"segment-{int(slate['request_id'][2:]) % SEGMENTS}"
                answers[slate["slate_id"]] += 1
        counting.join()

        def counted() -> dict[tuple[str, str], int]:
            return {
                (row["segment"], row["item_id"]): row["impressions"]
                for row in worker.command("stats", "export")
                if row["impressions"]
            }

        until(lambda: sum(counted().values()) >= IMPRESSIONS, 120)
        assert counted() == dict(truth)
        answers.update(
            json.loads(record.value() or b"")["slate_id"]
            for record in consumer.consume(1000, 1.0)
            if record.error() is None
        )
        assert worker.stop() == 0
    consumer.close()
    assert answers == Counter({f"r-{number}": 1 for number in range(REQUESTS)})
