"""OutcomesView: what became of slates by variant, from the counts changelog.

Written in the builder's thread, added up when somebody asks.
"""

from collections.abc import Iterable
from typing import NamedTuple

from confluent_kafka import Message

from streams.config import Settings
from streams.contract.outcome_rows import (
    OUTCOMES_PREFIX,
    USERS_KIND,
    OutcomeKey,
    Sums,
    decode_outcome,
    decode_outcome_key,
)
from streams.kafka.admin import TopicsError
from streams.kafka.names import changelog_topics
from streams.kafka.topic_reader import TopicReader

Row = tuple[int, OutcomeKey]  # partition, key


class Outcomes(NamedTuple):
    """Sums at one time.

    Attributes
    ----------
    sums
        Of slates and segments, by hour and names, over all partitions.
    users
        Of groups of users, by partition too: a user is in one, and in one group.
    """

    sums: dict[OutcomeKey, Sums]
    users: dict[Row, Sums]


class OutcomesView:
    """The last outcome rows of each partition."""

    def __init__(self) -> None:
        self._rows: dict[Row, Sums] = {}

    def apply(self, records: Iterable[Message], _now_s: float = 0.0) -> None:
        """Records of the counts changelog, in order."""
        for record in records:
            key = record.key()
            if key is not None and key[:1] == OUTCOMES_PREFIX:
                self.put(record.partition() or 0, key, record.value())

    def put(self, partition: int, key: bytes, value: bytes | None) -> None:
        """A row of a partition: replaces what it said before; none forgets it."""
        name = decode_outcome_key(key)
        if value is None:
            self._rows.pop((partition, name), None)
        else:
            self._rows[partition, name] = decode_outcome(name.kind, value)

    def outcomes(self) -> Outcomes:
        """What is known now; any thread may ask."""
        sums: dict[OutcomeKey, Sums] = {}
        users: dict[Row, Sums] = {}
        for row, own in list(self._rows.items()):
            key = row[1]
            if key.kind == USERS_KIND:
                users[row] = own
            elif key in sums:
                sums[key] = tuple(a + b for a, b in zip(sums[key], own, strict=True))
            else:
                sums[key] = own
        return Outcomes(sums, users)


def read_outcomes(settings: Settings) -> Outcomes:
    """Outcome rows of the committed changelog, added up; nothing where there is none yet."""
    view = OutcomesView()
    try:
        reader = TopicReader(settings.kafka_client(), changelog_topics(settings)[0], undecided=True)
    except TopicsError:
        return view.outcomes()
    with reader:
        view.apply(reader.until_end())
    return view.outcomes()
