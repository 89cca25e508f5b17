"""ItemsFollower: which ids the `items` topic describes, read in a thread of its own, for the limit
on items that nobody describes (`limits`).

Keys alone: what a record says is the business of those who show items.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException, Message

from streams.counting.limits import DescribedItems
from streams.kafka.admin import TopicsError
from streams.kafka.topic_reader import TopicReader

log = logging.getLogger(__name__)

AGAIN_S = 1.0
READ_S = 0.5
# read ahead: few, since whole items come with their keys and counting needs the memory
AHEAD = {"queued.min.messages": 1000, "queued.max.messages.kbytes": 4096}


class ItemsFollower:
    """The thread, from `start` on; it fills `described`."""

    def __init__(self, client: Mapping[str, Any], topic: str, described: DescribedItems) -> None:
        self._client = {**client, **AHEAD}
        self._topic = topic
        self._described = described
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="items", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(2 * AGAIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with TopicReader(self._client, self._topic, patient=True) as reader:
                    while not self._stopping.is_set():
                        self.take(reader.batch(READ_S))
                        self._described.complete |= reader.at_end()
            except (KafkaException, TopicsError) as error:
                log.warning("%s: %s", self._topic, error)
                self._stopping.wait(AGAIN_S)

    def take(self, records: Iterable[Message]) -> None:
        """Note the ids of records that describe an item. One that is withdrawn stays noted until
        the next start: it has its counts.
        """
        self._described.ids.add(
            (record.key() or b"").decode(errors="replace")
            for record in records
            if record.value() is not None
        )
