"""The bare echo of the latency benchmark: polls a topic, produces what it got to another, nothing
else. What a round over this broker takes on this machine, beside the same load.

    python -m tests.benchmarks.latency_echo '{"bootstrap": ...}'
"""

import json
import sys
import time
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition

REQUESTS, REPLIES = "echo-requests", "echo-replies"
CALL_TIMEOUT_S = 20.0
# of everyone here who reads for an answer; the broker answers a fetch as soon as it has a record
READER = {
    "fetch.wait.max.ms": 10,
    "fetch.queue.backoff.ms": 5,
    "enable.auto.commit": False,
    "log_level": 0,
}
WRITER = {"linger.ms": 0, "partitioner": "murmur2_random", "log_level": 0}


def reader(bootstrap: str, group: str, topics: list[str]) -> Consumer:
    """A consumer that has all partitions of the topics, from their present ends on."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, **READER})
    end = time.monotonic() + CALL_TIMEOUT_S
    while not _with_leaders(consumer, topics) and time.monotonic() < end:
        time.sleep(0.1)
    found = consumer.list_topics(timeout=CALL_TIMEOUT_S).topics
    places = [TopicPartition(topic, n) for topic in topics for n in found[topic].partitions]
    for place in places:
        place.offset = consumer.get_watermark_offsets(place, CALL_TIMEOUT_S)[1]
    consumer.assign(places)
    return consumer


def _with_leaders(consumer: Consumer, topics: list[str]) -> bool:
    """Whether the broker shows the topics that were made a moment ago."""
    found = consumer.list_topics(timeout=CALL_TIMEOUT_S).topics
    return all(
        topic in found and all(each.leader >= 0 for each in found[topic].partitions.values())
        for topic in topics
    )


def main(asked: dict[str, Any]) -> None:
    """Echo until killed."""
    consumer = reader(asked["bootstrap"], "bench-echo", [REQUESTS])
    producer = Producer({"bootstrap.servers": asked["bootstrap"], **WRITER})
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    while True:
        record = consumer.poll(0.1)
        if record is not None and not record.error():
            producer.produce(REPLIES, record.value(), record.key())
        producer.poll(0)


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
