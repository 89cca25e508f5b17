"""LeaderEnds: where partitions end, asked of their brokers; for the synchroniser.

What a consumer has cached of an end is as old as the last answer to a fetch. While the leadership
of a partition moves that can be many seconds, in which other partitions go on. A broker that has
become leader names no end before it knows that of the former one (KIP-207).
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import Any

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

ASK_TIMEOUT_S = 1.0  # a broker that is away keeps the others' answers waiting so long

Place = tuple[str, int]  # (topic, partition)


class LeaderEnds:
    """One question at a time; `found` has the last answers: an end of what is committed, and the
    asker's time of the question.
    """

    def __init__(self, client: Mapping[str, Any]) -> None:
        self.found: dict[Place, tuple[int, float]] = {}
        self._client = dict(client)
        self._admin: AdminClient | None = None
        self._asked_s = 0.0
        self._under_way: dict[TopicPartition, Future[Any]] = {}

    def forget(self) -> None:
        """Begin anew: neither what was found nor what is under way counts any more."""
        self.found, self._under_way = {}, {}

    def look(self) -> None:
        """Take in the answers, once all are there; a place without one keeps its former."""
        if not all(future.done() for future in self._under_way.values()):
            return
        for place, future in self._under_way.items():
            # a leader that is away, or not chosen yet, is asked again
            if not isinstance(future.exception(), KafkaException):
                self.found[place.topic, place.partition] = future.result().offset, self._asked_s
        self._under_way = {}

    def ask(self, places: Iterable[Place], now_s: float) -> None:
        """Ask for the ends of these places, unless the last question is not answered yet."""
        wanted = {TopicPartition(*place): OffsetSpec.latest() for place in places}
        if not wanted or self._under_way:
            return
        if self._admin is None:
            self._admin = AdminClient(self._client)
        self._asked_s = now_s
        self._under_way = self._admin.list_offsets(
            wanted,
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=ASK_TIMEOUT_S,
        )
