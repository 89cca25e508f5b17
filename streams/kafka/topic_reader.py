"""Read one whole topic outside of any group: from its start or its end, once or for ever.

The end is measured when the reader is made, so what is produced afterwards is always seen by a
reader from the end. The embedded broker names as its end the start of the last batch plus one:
there, a reader from the end may see the rest of that batch too.
"""

import time
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from streams.kafka.admin import TopicsError
from streams.kafka.client import consuming
from streams.kafka.rights import denied, named, resource_of, rights_on

BATCH = 1000
POLL_S = 0.2
METADATA_TIMEOUT_S = 10.0
_WITHOUT_LEADER = (KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)


class TopicReader:
    """All partitions of one topic, committed records only. Use it in `with`.

    Parameters
    ----------
    client
        From `Settings.kafka_client`.
    topic
        Full name.
    from_end
        Skip what is there already.

    Raises
    ------
    TopicsError
        When the topic does not exist.
    """

    def __init__(self, client: Mapping[str, Any], topic: str, *, from_end: bool = False) -> None:
        config = consuming(client)
        self.group = str(config["group.id"])
        self.consumer = Consumer(
            {
                **config,
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed",
                # as shipped the client sleeps up to 1 s with a full queue
                "fetch.queue.backoff.ms": 5,
                "fetch.wait.max.ms": 50,
                "log_level": 0,
            }
        )
        found = self.consumer.list_topics(topic, timeout=METADATA_TIMEOUT_S).topics[topic]
        if found.error is not None and denied(found.error):
            raise KafkaException(named(found.error, f"topic {topic}"))
        if found.error is not None or not found.partitions:
            msg = f"expected the topic {topic}, found none; run `slatestream topics create`"
            raise TopicsError(msg)
        self.partitions = [TopicPartition(topic, number) for number in found.partitions]
        assigned = []
        for each in self.partitions:
            low, high = self._bounds(each)
            assigned.append(TopicPartition(topic, each.partition, high if from_end else low))
        self.consumer.assign(assigned)
        # where the last end-of-partition notice stood
        self.reached = {each.partition: 0 for each in self.partitions}

    def batch(self, timeout_s: float = POLL_S) -> list[Message]:
        """What has arrived; empty when nothing does within `timeout_s`."""
        first = self.consumer.poll(timeout_s)
        if first is None:
            return []
        records = []
        # subtle: consume(n, t) holds a single record back for the whole t; poll, then take what is
        # there.
        for message in (first, *self.consumer.consume(BATCH, 0)):
            error = message.error()
            if error is None:
                records.append(message)
            elif error.code() == KafkaError._PARTITION_EOF:
                self.reached[message.partition() or 0] = message.offset() or 0
            elif not error.retriable():
                raise KafkaException(named(error, resource_of(message, self.group)))
        return records

    def until_end(self) -> Iterator[Message]:
        """Every record up to the end of each partition, measured at the first step."""
        # subtle: a notice alone may be an old one, put into the queue by prefetching before the
        # last record came.
        ends = {each.partition: self._bounds(each)[1] for each in self.partitions}
        seen: set[int] = set()
        while len(seen) < len(ends):
            yield from self.batch()
            seen = {number for number, end in ends.items() if self.reached[number] >= end}

    def for_ever(self) -> Iterator[Message]:
        """Every record, waiting for more."""
        while True:
            yield from self.batch()

    def _bounds(self, partition: TopicPartition) -> tuple[int, int]:
        """First offset and end. A topic that was just created has no leader yet: asked again until
        it has.
        """
        end = time.monotonic() + METADATA_TIMEOUT_S
        while True:
            try:
                with rights_on(f"topic {partition.topic} (Read)"):
                    low, high = self.consumer.get_watermark_offsets(
                        partition, timeout=METADATA_TIMEOUT_S
                    )
            except KafkaException as error:
                if not error.args[0].retriable() and error.args[0].code() not in _WITHOUT_LEADER:
                    raise
                if time.monotonic() > end:
                    raise
                time.sleep(POLL_S)
            else:
                return int(low), int(high)

    def close(self) -> None:
        """Leave the brokers."""
        self.consumer.close()

    def __enter__(self) -> "TopicReader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
