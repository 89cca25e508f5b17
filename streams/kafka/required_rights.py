"""What the user of a worker or a serving process may do, asked of the brokers before it starts: a
right that is missing shows itself late otherwise, or not at all (without Read on the group nothing
happens, for ever).

Brokers say which operations a user has on each topic and group (KIP-430); transactional ids they do
not describe. The table of all roles is in docs/operations.md.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeAlias

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]

from streams.config import Settings
from streams.contract.topics import TopicNames
from streams.kafka.asked import answer
from streams.kafka.names import app_id, changelog_topics, serving_group
from streams.kafka.rights import TABLE, denied

CALL_TIMEOUT_S = 20.0
AGAIN_S = 0.2
_PASSING = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
Operations: TypeAlias = "set[AclOperation] | None"  # None: the broker does not say
_KEEPS = {  # operations that bring the one asked for
    "Read": {AclOperation.READ, AclOperation.ALL},
    "Write": {AclOperation.WRITE, AclOperation.ALL},
}


class Right(NamedTuple):
    """One operation on one topic or group."""

    operation: str  # Read or Write
    kind: str  # topic or group
    name: str

    def __str__(self) -> str:
        """As people say it."""
        return f"{self.operation} on {self.kind} {self.name}"


class RightsError(RuntimeError):
    """Rights that are missing, each with its resource."""


def worker_rights(settings: Settings) -> list[Right]:
    """What a worker needs to count; besides, Write on its transactional ids, and Create on
    changelogs that are not there yet.
    """
    names = TopicNames(settings.topic_prefix)
    changelogs = changelog_topics(settings)
    read = (names.items, names.impressions, names.clicks, names.slates, *changelogs)
    return _rights(read, (names.dead_letters, *changelogs), app_id(settings))


def serving_rights(settings: Settings) -> list[Right]:
    """What a serving process needs."""
    names = TopicNames(settings.topic_prefix)
    read = (
        names.items,
        names.impressions,  # what was seen of a slate, and samples for findings
        names.clicks,
        names.slate_requests,
        names.slates,  # which requests were answered by others
        names.item_embeddings,
        names.encoder_releases,
        names.encoder_files,
        names.dead_letters,
        changelog_topics(settings)[0],
    )
    written = (
        names.slates,
        names.segment_slates,
        names.dead_letters,
        names.item_embeddings,
        *(names.items, names.impressions, names.clicks),  # POST /v1/events
    )
    return _rights(read, written, serving_group(settings))


def _rights(read: Iterable[str], written: Iterable[str], group: str) -> list[Right]:
    return [
        *(Right("Read", "topic", name) for name in read),
        *(Right("Write", "topic", name) for name in written),
        Right("Read", "group", group),
    ]


def lacking(admin: AdminClient, wanted: Sequence[Right]) -> list[Right]:
    """Those of `wanted` that this user has not; of a topic that is not there nothing is known."""
    found: dict[tuple[str, str], Operations] = {}
    for kind, ask in (("topic", _of_topics), ("group", _of_groups)):
        names = list(dict.fromkeys(right.name for right in wanted if right.kind == kind))
        if names:
            found |= {(kind, name): each for name, each in ask(admin, names).items()}
    return [
        right
        for right in wanted
        if (has := found[right.kind, right.name]) is not None and not has & _KEEPS[right.operation]
    ]


def check_rights(admin: AdminClient, wanted: Sequence[Right]) -> None:
    """Refuse to go on without rights that would be missed later.

    Raises
    ------
    RightsError
        With every one that is missing.
    """
    missing = lacking(admin, wanted)
    if missing:
        raise RightsError(sentence(missing))


def sentence(missing: Iterable[Right]) -> str:
    """What is missing, and what to do."""
    each = ", ".join(map(str, missing))
    return f"expected the rights {each}, found them missing; give them to this user, see {TABLE}"


def _of_topics(admin: AdminClient, names: list[str]) -> dict[str, Operations]:
    answers = admin.describe_topics(
        TopicCollection(names), include_authorized_operations=True, request_timeout=CALL_TIMEOUT_S
    )
    return {name: _operations(name, future) for name, future in answers.items()}


def _of_groups(admin: AdminClient, names: list[str]) -> dict[str, Operations]:
    """Asked again while the cluster has no coordinator yet: the first group of all makes it one."""
    deadline = time.monotonic() + CALL_TIMEOUT_S
    while True:
        answers = admin.describe_consumer_groups(
            names, include_authorized_operations=True, request_timeout=CALL_TIMEOUT_S
        )
        try:
            return {name: _operations(name, future) for name, future in answers.items()}
        except KafkaException as failure:
            if failure.args[0].code() not in _PASSING or time.monotonic() > deadline:
                raise
        time.sleep(AGAIN_S)


def _operations(name: str, future: "Future[Any]") -> Operations:
    try:
        operations = answer(future, f"the rights on {name}").authorized_operations
    except KafkaException as failure:
        if denied(failure):
            return set()
        if failure.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise
        return None
    return set(operations) if operations else None
