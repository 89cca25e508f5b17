"""Arrivals: partitions of requests that have just come to this process. Their first requests are
held until it is known which of them have their answers (`streams.serving.answered`).
"""

import contextlib
import time
from concurrent.futures import Future
from typing import Any

from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.serving.answered import SKEW_S, AnsweredBefore, Name


class _Arrival:
    """One partition, until all that was there before it came has been dealt with."""

    def __init__(self, came_s: float) -> None:
        self.came_s = came_s
        self.end = 0  # of the partition when it came; behind are new requests
        self.held: list[Any] = []  # records
        self.look: Future[set[Name]] | None = None
        self.answered: set[Name] = set()


class Arrivals:
    """Of one thread and its consumer of `topic`."""

    def __init__(self, topic: str, before: AnsweredBefore) -> None:
        self._topic = topic
        self._before = before
        self._new: dict[int, _Arrival] = {}

    def came(self, partition: int) -> None:
        """A partition was assigned."""
        self._new[partition] = _Arrival(time.time())

    def went(self, partition: int) -> None:
        """A partition went away; what is held of it somebody else reads."""
        self._new.pop(partition, None)

    def holds(self, consumer: Consumer, record: Any) -> bool:
        """Whether a record is held for later; its partition is paused then."""
        number = record.partition()
        arrival = self._new.get(number)
        if arrival is None:
            return False
        if arrival.look is None:
            sent_s = record.timestamp()[1] / 1000
            if sent_s > arrival.came_s + SKEW_S:  # by any clock: new
                del self._new[number]
                return False
            place = TopicPartition(self._topic, number)
            arrival.end = consumer.get_watermark_offsets(place, cached=True)[1]
            consumer.pause([place])
            arrival.look = self._before.look(
                number, sent_s, lambda: self._new.get(number) is arrival
            )
        if arrival.look.done() and not arrival.held:
            return False
        arrival.held.append(record)
        return True

    def ready(self, consumer: Consumer) -> list[Any]:
        """Records that need not be held any more, in order; their partitions go on."""
        records: list[Any] = []
        for number, arrival in self._new.items():
            if arrival.held and arrival.look is not None and arrival.look.done():
                arrival.answered = arrival.look.result()
                records += arrival.held
                arrival.held = []
                with contextlib.suppress(KafkaException):  # on its way to somebody else
                    consumer.resume([TopicPartition(self._topic, number)])
        return records

    def answered(self, record: Any, request_id: str) -> bool:
        """Whether a request was answered before its partition came here."""
        number = record.partition()
        arrival = self._new.get(number)
        if arrival is None or record.offset() >= arrival.end:
            return False
        return (record.key(), request_id) in arrival.answered

    def reached(self, partition: int, offset: int) -> None:
        """Everything before `offset` has been dealt with."""
        arrival = self._new.get(partition)
        if arrival is not None and arrival.look is not None and offset >= arrival.end:
            del self._new[partition]
