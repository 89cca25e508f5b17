"""ClicksFollower: who clicked what, from the tail of `clicks`, in a thread of its own.

All partitions, since any process may answer any user. At the start a bounded stretch is read back;
one that falls behind skips ahead: profiles are worth little work beside answers.
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException, Message

from streams.contract.events import CLICK, Click, decode_click
from streams.kafka.admin import TopicsError
from streams.kafka.topic_reader import TopicReader
from streams.serving.user_profiles import UserProfiles

log = logging.getLogger(__name__)

READ_BACK = 5000  # records of each partition
MOST_BEHIND = 200_000  # records of all together; then it begins anew near the end
AGAIN_S = 1.0
LOOK_EVERY = 50  # batches


class ClicksFollower:
    """The thread. `users` learn from it."""

    def __init__(
        self,
        client: Mapping[str, Any],
        topic: str,
        users: UserProfiles,
    ) -> None:
        self._client = {**client, "queued.min.messages": 10_000}
        self._topic = topic
        self._users = users
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clicks", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(AGAIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with TopicReader(
                    self._client, self._topic, from_end=True, back=READ_BACK, patient=True
                ) as reader:
                    self._follow(reader)
            except (KafkaException, TopicsError) as error:
                log.warning("clicks: %s", error)
                self._stopping.wait(AGAIN_S)

    def _follow(self, reader: TopicReader) -> None:
        """Until it is stopped, or too far behind."""
        batches = 0
        while not self._stopping.is_set():
            self.take(reader.batch())
            batches += 1
            if batches % LOOK_EVERY == 0 and reader.lag() > MOST_BEHIND:
                log.warning("clicks come faster than profiles are made: some are passed over")
                return

    def take(self, records: Iterable[Message]) -> None:
        """Note the clicks among some records; others are passed over."""
        clicks: list[Click] = []
        for record in records:
            try:
                clicks.append(decode_click.quick(record.value() or b""))
            except decode_click.NOT_GOOD:
                continue
        self._users.clicked(click for click in clicks if click.kind == CLICK)
