"""DeadLetterReader: the last dead letters, read when somebody asks for them."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from streams.contract.events import DeadLetter, EventError, decode_dead_letter
from streams.kafka.topic_reader import TopicReader

KEEP_S = 2.0  # an answer stands for others that come at the same time


class DeadLetterReader:
    """Reads the end of each partition of `topic`. Any thread may ask; one reads at a time."""

    def __init__(self, client: Mapping[str, Any], topic: str) -> None:
        self._client = client
        self._topic = topic
        self._lock = threading.Lock()
        self._read: tuple[float, int, list[DeadLetter]] = (-KEEP_S, 0, [])

    def last(self, limit: int) -> list[DeadLetter]:
        """The last ones, the newest first.

        Raises
        ------
        TopicsError, KafkaException
            If the topic cannot be read.
        """
        with self._lock:
            read_s, most, letters = self._read
            if time.monotonic() - read_s > KEEP_S or most < limit:
                letters = self._letters(limit)
                self._read = (time.monotonic(), limit, letters)
        return letters[:limit]

    def _letters(self, limit: int) -> list[DeadLetter]:
        letters = []
        with TopicReader(self._client, self._topic, from_end=True, back=limit) as reader:
            for record in reader.until_end():
                try:
                    letters.append(decode_dead_letter(record.value()))
                except EventError:  # somebody else's
                    continue
        letters.sort(key=lambda letter: -letter.ts)
        return letters[:limit]
