"""The yardstick of the ingest benchmark:
`python -m tests.benchmarks.ingest_plain BOOTSTRAP EVENTS`.

A plain confluent-kafka loop that reads, parses with the worker's own types and counts in a dict. It
keeps nothing: no join, no changelog, no disk. One JSON line on stdout.
"""

import json
import os
import resource
import sys
import time

from confluent_kafka import Consumer, TopicPartition

from streams.contract.events import decode_click, decode_impression

BATCH, WAIT_S = 10_000, 0.1
CLIENT = {
    "group.id": "plain",
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
    "fetch.queue.backoff.ms": 5,
    "queued.min.messages": 1_000_000,
    "fetch.wait.max.ms": 50,
}


def cpu_s() -> float:
    """CPU time of this process so far, all threads."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def count(bootstrap: str, events: int) -> dict[str, float]:
    """Seconds and CPU seconds from the first record to the last."""
    consumer = Consumer({**CLIENT, "bootstrap.servers": bootstrap})
    places = [
        TopicPartition(topic, number, 0)
        for topic in ("impressions", "clicks")
        for number in consumer.list_topics(topic, 10).topics[topic].partitions
    ]
    consumer.assign(places)
    shown: dict[tuple[str | None, str], int] = {}
    clicked: dict[str, int] = {}
    seen, began, used_s = 0, 0.0, 0.0
    while seen < events:
        records = consumer.consume(BATCH, WAIT_S)
        if records and not seen:
            began, used_s = time.perf_counter(), cpu_s()
        for record in records:
            if record.error() is not None:
                raise RuntimeError(record.error())
            if record.topic() == "impressions":
                impression = decode_impression(record.value())
                key = impression.segment, impression.item_id
                shown[key] = shown.get(key, 0) + 1
            else:
                click = decode_click(record.value())
                clicked[click.item_id] = clicked.get(click.item_id, 0) + 1
        seen += len(records)
    report = {"s": time.perf_counter() - began, "cpu_s": cpu_s() - used_s}
    counted = sum(shown.values()) + sum(clicked.values())
    if counted != events:
        msg = f"expected {events} events, counted {counted}"
        raise RuntimeError(msg)
    return report


if __name__ == "__main__":
    sys.stdout.write(json.dumps(count(sys.argv[1], int(sys.argv[2]))) + "\n")
    sys.stdout.flush()
    os._exit(0)  # closing a consumer with a full queue takes seconds that nobody asked about
