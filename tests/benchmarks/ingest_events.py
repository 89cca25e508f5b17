"""The events of the ingest benchmark: slates of ten impressions, one impression in ten clicked, in
the format of CONTRACT.

Each carries `item` beside `item_id`, which the Kafka Streams peer reads; unknown fields are ignored
by the worker.
"""

import random
import time
from collections.abc import Iterator

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from streams.config import load_settings
from streams.contract.topics import TopicNames
from streams.kafka.admin import create

SLATE, CLICKS_PER_SLATE = 10, 1
# segments and items as in the policy measurements of the design
SEGMENTS, ITEMS, USERS = 8, 150, 50_000
# of event time between impressions: 5 million span 500 s, well inside the attribution window
SPACING_S = 1e-4


def events(
    impressions: int, seed: int = 1, listed: bool = False
) -> Iterator[tuple[str, bytes, bytes]]:
    """(topic, key, value) of every event, in the order it is produced; a click follows
    its slate. `listed`: the impressions of a slate are one event.
    """
    rng = random.Random(seed)
    start_s = time.time() - impressions * SPACING_S - 60.0
    at = 0
    while at < impressions:
        slate, user, segment = at // SLATE, rng.randrange(USERS), rng.randrange(SEGMENTS)
        first = rng.randrange(ITEMS)
        key = b"user-%d" % user
        head = f'"slate_id":"slate-{slate}","user_id":"user-{user}"'
        clicked = rng.sample(range(SLATE), CLICKS_PER_SLATE)
        for position in range(SLATE):
            item = f"item-{(first + 7 * position) % ITEMS}"
            value = (
                f'{{{head},"item_id":"{item}","item":"{item}","position":{position},"segment":"segment-{segment}",'
                f'"propensity":0.1,"ts":{start_s + at * SPACING_S:.3f}}}'
            )
            if not listed:
                yield "impressions", key, value.encode()
            at += 1
        if listed:
            items = ",".join(
                f'{{"item_id":"item-{(first + 7 * position) % ITEMS}","propensity":0.1}}'
                for position in range(SLATE)
            )
            ts = f"{start_s + at * SPACING_S:.3f}"
            value = f'{{{head},"items":[{items}],"segment":"segment-{segment}","ts":{ts}}}'
            yield "impressions", key, value.encode()
        for position in clicked:
            item = f"item-{(first + 7 * position) % ITEMS}"
            ts = f"{start_s + at * SPACING_S:.3f}"
            names = f'"item_id":"{item}","item":"{item}","segment":"segment-{segment}"'
            value = f'{{{head},{names},"ts":{ts}}}'
            yield "clicks", key, value.encode()


def produce(
    bootstrap: str, impressions: int, partitions: int, prefix: str = "", listed: bool = False
) -> int:
    """Make the topics and fill them; returns how many events there are."""
    settings = load_settings({"KAFKA_BOOTSTRAP_SERVERS": bootstrap})
    create(AdminClient(settings.kafka_client()), TopicNames(prefix), partitions, 1)
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 50,
            "batch.size": 262_144,
            "queue.buffering.max.messages": 1_000_000,
        }
    )
    sent = 0
    for topic, key, value in events(impressions, listed=listed):
        while True:
            try:
                producer.produce(prefix + topic, value, key)
                break
            except BufferError:
                producer.poll(0.1)
        sent += 1
        if sent % 1000 == 0:
            producer.poll(0)
    left = producer.flush(120)
    if left:
        msg = f"{left} of {sent} events were not delivered"
        raise RuntimeError(msg)
    return sent
