"""Sources: the co-partitioned topics that the state is made from, and where to start reading them.

Positions come from the changelog. They are held against the topics as they are now, since a topic
can be deleted and made again, be cut short by an unclean election, or have dropped old records
before they were read; each case has one answer, and is said.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from streams.counting.partition import Partition
from streams.kafka.admin import topic_ids
from streams.kafka.client import consuming
from streams.kafka.watermarks import measure_range

READ_TIMEOUT_S = 5.0


class Sources:
    """The source topics by their names without prefix, and the ranges of their partitions as last
    measured.
    """

    def __init__(self, client: Mapping[str, Any], topics: Mapping[str, str]) -> None:
        self._client = dict(client)
        self.topics = dict(topics)  # source -> topic
        self.source = {topic: source for source, topic in self.topics.items()}
        self._ranges: dict[tuple[str, int], tuple[int, int]] = {}
        self._measured_ms: dict[int, int] = {}  # by partition: records older than this were there
        self._identity: dict[str, str] = {}

    def topic(self, source: str) -> str:
        """The topic of a source."""
        return self.topics[source]

    def identities(self, extra: Iterable[str]) -> dict[str, str]:
        """Identities of the sources and of other topics. Raises `KafkaException` for one that is
        not there.
        """
        self._identity = topic_ids(self._client, [*self.topics.values(), *extra])
        return self._identity

    def measure(self, applied: Mapping[int, Mapping[str, int]]) -> None:
        """Ask for the range of every source in these partitions; `applied` holds the positions of
        the state by source.
        """
        meter = Consumer(
            {
                **consuming(self._client),
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
            }
        )
        try:
            for number, positions in applied.items():
                self._measured_ms[number] = int(time.time() * 1000)
                for source, topic in self.topics.items():
                    low, end = measure_range(meter, topic, number)
                    at = positions.get(source, 0)
                    # subtle: the embedded broker names the end of a topic too early; what can be
                    # read was not cut off
                    if at > end and _readable(meter, topic, number, at - 1):
                        end = at
                    self._ranges[source, number] = low, end
        finally:
            meter.close()

    def reconcile(self, partition: Partition) -> list[str]:
        """Set where reading starts, for each source; returns a sentence for each case in which
        records were lost.
        """
        notes = []
        for source, topic in self.topics.items():
            low, end = self._ranges[source, partition.number]
            at, identity = partition.offsets.get(source), self._identity[topic]
            start = low if at is None else at
            if at is not None and partition.topic_ids.get(source, identity) != identity:
                start = low
                notes.append(
                    f"{topic}[{partition.number}] was deleted and made again: reading it from "
                    f"{low}, counts are kept"
                )
            elif start > end:
                start = end
                notes.append(
                    f"{topic}[{partition.number}] ends at {end}, before {at} that was already "
                    "counted: it was cut short"
                )
            elif start < low:
                start = low
                notes.append(
                    f"{topic}[{partition.number}]: {low - (at or 0)} records were deleted "
                    "unread; raise its retention"
                )
            partition.offsets[source] = start
            partition.topic_ids[source] = identity
        return notes

    def end(self, source: str, number: int) -> int:
        """End of a source's partition as measured at the last restore."""
        return self._ranges[source, number][1]

    def known(self, source: str, number: int) -> tuple[int, int]:
        """End of a source's partition as last measured, and the time before that, in ms: what is
        older stands before that end.
        """
        return self._ranges[source, number][1], self._measured_ms[number]


def _readable(meter: Consumer, topic: str, number: int, offset: int) -> bool:
    meter.assign([TopicPartition(topic, number, offset)])
    record = meter.poll(READ_TIMEOUT_S)
    meter.unassign()
    return record is not None and record.error() is None
