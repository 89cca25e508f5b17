"""LagMeter: how far the counting group is behind the topics that it reads, as the brokers say.

    lag = end of the partition - offset that the group has committed

Needs Describe on the group and on the topics. A partition whose offset was never committed lags by
all that it holds.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

CALL_TIMEOUT_S = 3.0


class Lag(NamedTuple):
    """One partition; `committed` None: the group never has."""

    topic: str
    partition: int
    end: int
    committed: int | None

    @property
    def records(self) -> int:
        """How many are left to count."""
        return max(0, self.end - (self.committed or 0))


class LagMeter:
    """Asks the brokers; blocks. `topics` are full names."""

    def __init__(self, client: Mapping[str, Any], group: str, topics: Sequence[str]) -> None:
        self._client = {**client, "log_level": 0}
        self._group = group
        self._topics = topics
        self._admin: AdminClient | None = None

    def measure(self) -> list[Lag]:
        """Of every partition of the topics, in order.

        Raises
        ------
        KafkaException
            Where brokers do not answer, or a right is missing.
        """
        if self._admin is None:
            self._admin = AdminClient(dict(self._client))
        admin = self._admin
        found = admin.list_topics(timeout=CALL_TIMEOUT_S).topics
        places = [
            TopicPartition(topic, number)
            for topic in self._topics
            if topic in found
            for number in sorted(found[topic].partitions)
        ]
        if not places:
            return []
        ends = admin.list_offsets(
            {place: OffsetSpec.latest() for place in places},
            isolation_level=IsolationLevel.READ_UNCOMMITTED,
            request_timeout=CALL_TIMEOUT_S,
        )
        groups = admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(self._group, places)], request_timeout=CALL_TIMEOUT_S
        )
        committed = {
            (each.topic, each.partition): each.offset
            for each in groups[self._group].result(CALL_TIMEOUT_S).topic_partitions
        }
        lags = []
        for place, end in ends.items():
            at = committed.get((place.topic, place.partition), -1)
            lags.append(
                Lag(
                    place.topic,
                    place.partition,
                    end.result(CALL_TIMEOUT_S).offset,
                    at if at >= 0 else None,
                )
            )
        return sorted(lags)
