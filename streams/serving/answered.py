"""Answered: which requests of a partition that has just come here have their slates already.

Offsets are committed after answers, and a coordinator that moves takes no offsets for some seconds:
whoever gets the partition then reads again what was answered meanwhile. The answers stand in
`slates`, in the partition of the same number. So before the first requests of a partition are
answered, the slates since the first one's time are read, once:

    first request, offset o, time t -> slates since t - SKEW_S, to their end
    a request whose (user_id, request_id) is among them has its answer

Requests that came after the partition did are new, and not looked for. Only an answer that was
still under way when its process died can come twice.
"""

import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from streams.kafka.client import consuming
from streams.kafka.watermarks import measure_range

log = logging.getLogger(__name__)

SKEW_S = 60.0  # a request's time is its client's, a slate's the process's that made it
LOOK_S = 30.0  # beyond, requests are answered, perhaps once more
BATCH, POLL_S = 4000, 0.2

Name = tuple[bytes, str]  # user_id, request_id


class _Named(msgspec.Struct):
    slate_id: str


_decode = msgspec.json.Decoder(_Named).decode


class AnsweredBefore:
    """Looks in `topic` (the full name of `slates`), in a thread."""

    def __init__(self, client: Mapping[str, Any], topic: str) -> None:
        self._config = {
            **consuming(client),
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
        self._topic = topic
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="answered")

    def look(self, partition: int, since_s: float, wanted: Callable[[], bool]) -> Future[set[Name]]:
        """Names of the slates in a partition since a time, as the brokers have them now; none where
        that is not to be found out, or not `wanted` any more.
        """
        return self._thread.submit(self._look, partition, since_s, wanted)

    def stop(self) -> None:
        """End the thread."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _look(self, partition: int, since_s: float, wanted: Callable[[], bool]) -> set[Name]:
        end_s = time.monotonic() + LOOK_S
        while wanted():
            try:
                return self._read(partition, min(since_s, time.time()) - SKEW_S, wanted)
            except KafkaException as error:
                if time.monotonic() > end_s:
                    said = "slates of partition %d cannot be read, some may come twice: %s"
                    log.warning(said, partition, error.args[0].str())
                    break
                time.sleep(POLL_S)
        return set()

    def _read(self, partition: int, since_s: float, wanted: Callable[[], bool]) -> set[Name]:
        reader = Consumer(self._config)
        found: set[Name] = set()
        try:
            at = TopicPartition(self._topic, partition, max(0, int(since_s * 1000)))
            start = reader.offsets_for_times([at], timeout=LOOK_S)[0].offset
            _low, end = measure_range(reader, self._topic, partition)
            if start < 0 or start >= end:  # none since then
                return found
            reader.assign([TopicPartition(self._topic, partition, start)])
            while wanted() and reader.position([at])[0].offset < end:
                for record in reader.consume(BATCH, POLL_S):
                    if record.error() is not None:
                        continue
                    with contextlib.suppress(msgspec.MsgspecError, UnicodeDecodeError):
                        slate = _decode(record.value() or b"")
                        found.add((record.key() or b"", slate.slate_id))
        finally:
            reader.close()
        return found
