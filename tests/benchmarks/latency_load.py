"""The load of the latency benchmark, a process of its own: events whose bytes were made beforehand,
produced at a rate, or as fast as they go.

    python -m tests.benchmarks.latency_load '{"bootstrap": ..., "label": ..., "events": 100000,
    "per_s": 20000, "seed": 1}'

`per_s` 0: a burst in which every impression changes a cell of its own. Says `{"ready": ...}`,
begins at a line on stdin, ends when the events are out or stdin says more; then says what it did.
"""

import gc
import json
import select
import sys
import time
from typing import Any

from confluent_kafka import Producer

from tests.benchmarks.latency_events import SLATE, Event, events, new_cells

TICK_S = 0.005  # of the rate: at 100,000/s 500 events at a time
BLOCK = 1_000  # of a burst, between two looks at delivery
FLUSH_TIMEOUT_S = 60.0
PRODUCER = {
    "partitioner": "murmur2_random",
    "compression.type": "lz4",
    "linger.ms": 10,
    "queue.buffering.max.messages": 1_000_000,
    "log_level": 0,
}


def main(asked: dict[str, Any]) -> None:
    """Make the events, wait for the word, produce them."""
    if asked["per_s"]:
        made = list(events(asked["label"], asked["events"], asked["per_s"], asked["seed"]))
    else:
        made = list(new_cells(asked["label"], asked["events"] * SLATE // (SLATE + 1)))
    gc.collect()
    gc.freeze()
    gc.disable()
    producer = Producer({"bootstrap.servers": asked["bootstrap"], **PRODUCER})
    say({"ready": len(made)})
    sys.stdin.readline()
    began = time.monotonic()
    sent, behind = produce(producer, made, asked["per_s"])
    left = producer.flush(FLUSH_TIMEOUT_S)
    took_s = time.monotonic() - began
    say({"sent": sent - left, "s": took_s, "per_s": sent / took_s, "behind_s": behind})


def produce(producer: Producer, made: list[Event], per_s: float) -> tuple[int, float]:
    """Produce at the rate until all is out or stdin says so; (events, seconds that the worst moment
    was behind the rate).
    """
    began, sent, worst_s = time.monotonic(), 0, 0.0
    while sent < len(made) and not select.select([sys.stdin], [], [], 0)[0]:
        due = int((time.monotonic() - began) * per_s) if per_s else sent + BLOCK
        for topic, key, value in made[sent:due]:
            try:
                producer.produce(topic, value, key)
            except BufferError:
                producer.poll(0.1)
                producer.produce(topic, value, key)
        sent = min(len(made), max(sent, due))
        producer.poll(0)
        if per_s:
            worst_s = max(worst_s, time.monotonic() - began - sent / per_s)
            time.sleep(TICK_S)
    return sent, worst_s


def say(what: dict[str, Any]) -> None:
    """One JSON line for the process that started this one."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
