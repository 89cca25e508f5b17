"""UsersFollower: the tails of `slates`, `impressions` and `clicks`, in a thread of its own.

All partitions, since any process may answer any user. At the start a bounded stretch is read back
and taken in by time, so that a process that was started anew knows its users; one that falls behind
skips ahead: users are worth little work beside answers.

    1. read back: what is there, in the order of the records' times
    2. follow: each batch in that order
"""

import logging
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from confluent_kafka import KafkaException, Message

from streams.contract.decoding import Decode
from streams.contract.events import Click, Impression, decode_click, decode_impression
from streams.contract.topics import TopicNames
from streams.kafka.admin import TopicsError
from streams.kafka.topic_reader import TopicReader
from streams.serving.users import LoggedSlate, Users

log = logging.getLogger(__name__)

READ_BACK = 5000  # records of each partition
MOST_READ_BACK = 100_000  # of a topic's partitions together: events of so many are 100 MB
MOST_BEHIND = 200_000  # records of all together; then it begins anew near the end
AGAIN_S = 1.0
LOOK_EVERY = 50  # batches

decode_logged = Decode(LoggedSlate)
Event = LoggedSlate | Impression | Click
Timed = tuple[float, int, Event]  # seconds; slates before what came of them


class UsersFollower:
    """The thread; `users` learn from it.

    Parameters
    ----------
    client
        From `Settings.kafka_client`.
    names
        Of the topics.
    partitions
        That each of them has.
    users
        Who hears of it.

    Attributes
    ----------
    caught_up
        Set when what was there at the start is taken in.
    """

    def __init__(
        self, client: Mapping[str, Any], names: TopicNames, partitions: int, users: Users
    ) -> None:
        self._client = {**client, "queued.min.messages": 10_000}
        self._decode: dict[str, tuple[int, Decode[Any]]] = {
            names.slates: (0, decode_logged),
            names.impressions: (1, decode_impression),
            names.clicks: (2, decode_click),
        }
        self._back = min(READ_BACK, max(1, MOST_READ_BACK // max(1, partitions)))
        self._users = users
        self.caught_up = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="users", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(AGAIN_S)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                with TopicReader(
                    self._client, *self._decode, from_end=True, back=self._back, patient=True
                ) as reader:
                    self._follow(reader)
            except (KafkaException, TopicsError) as error:
                log.warning("users: %s", error)
                self._stopping.wait(AGAIN_S)

    def _follow(self, reader: TopicReader) -> None:
        """Until it is stopped, or too far behind."""
        there: list[Timed] = []
        while not self._stopping.is_set() and not reader.at_end():  # 1.
            there += self.events(reader.batch())
        self.take(there)
        del there
        self.caught_up.set()
        batches = 0
        while not self._stopping.is_set():  # 2.
            self.take(self.events(reader.batch()))
            batches += 1
            if batches % LOOK_EVERY == 0 and reader.lag() > MOST_BEHIND:
                log.warning("events come faster than users are known by: some are passed over")
                return

    def events(self, records: Iterable[Message]) -> list[Timed]:
        """The events of some records; what cannot be used is passed over."""
        found: list[Timed] = []
        for record in records:
            order, decode = self._decode[record.topic() or ""]
            try:
                event = decode.quick(record.value() or b"")
            except decode.NOT_GOOD:
                try:
                    event = decode(record.value())
                except decode.NOT_GOOD:
                    continue
            found.append((record.timestamp()[1] / 1000.0, order, event))
        return found

    def take(self, events: list[Timed]) -> None:
        """Take events in by their times; the clock is the records', which no client sets alone."""
        for at_s, _, event in sorted(events, key=lambda each: each[:2]):
            if isinstance(event, LoggedSlate):
                self._users.offered(event, at_s)
            elif isinstance(event, Impression):
                self._users.seen(event, at_s)
            else:
                self._users.clicked(event)
