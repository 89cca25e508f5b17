"""Where releases go, and which are there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from encoder.corpus.kafka_log import Topics, read_topic
from encoder.serving.wire import Release, WireError, decode_release


class Shelf(NamedTuple):
    """Where releases go: brokers, topic names, and the folder that batch side and workers share."""

    client: Mapping[str, Any]
    topics: Topics
    folder: Path


def in_force(shelf: Shelf) -> Release | None:
    """The newest release on the topic; None before the first. Records that cannot be read are
    passed over.
    """
    return max(releases(shelf), key=lambda release: release.created_s, default=None)


def releases(shelf: Shelf) -> list[Release]:
    """The last record of every version on the topic, in the order of their times."""
    found: dict[str, Release] = {}
    for _, value in read_topic(shelf.client, shelf.topics.encoder_releases):
        try:
            release = decode_release(value or b"")
        except WireError:  # readers refuse it with a reason; it cannot be in force
            continue
        found[release.version] = release
    return sorted(found.values(), key=lambda release: release.created_s)
