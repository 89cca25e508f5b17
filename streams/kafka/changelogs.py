"""Changelogs: the two topics that the state lives in. Faust names them; they exist before any part
of a worker reads them.
"""

import logging
import time
from collections.abc import Sequence

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    NewPartitions,
    NewTopic,
)

from streams.config import Settings
from streams.contract.topics import LARGEST_EVENT_BYTES
from streams.kafka.admin import REQUEST_TIMEOUT_S, TopicsError, partition_counts
from streams.kafka.asked import answer
from streams.kafka.rights import named

log = logging.getLogger(__name__)

# A reader of counts adds what rows grew by: it has so long before unread records are compacted away
# (`streams.serving.first_read`).
COMPACTION_LAG_S = 3600.0
CONFIGS = {
    "cleanup.policy": "compact",
    # subtle: the segment that is written to is never compacted; with Kafka's 1 GiB a restore would
    # read rows over and over
    "segment.bytes": str(64 << 20),
    "min.cleanable.dirty.ratio": "0.3",
    "delete.retention.ms": "86400000",  # tombstones: twice `disk.STALE_AFTER_S`
    "max.message.bytes": str(LARGEST_EVENT_BYTES),
}


def ensure_changelogs(
    admin: AdminClient, names: tuple[str, str], partitions: int, settings: Settings
) -> None:
    """Create what is missing: compacted, with as many partitions as the sources. Where the sources
    have grown, the changelogs grow along: counts are sums over partitions, and new ones start
    empty.

    Raises
    ------
    TopicsError
        If the broker refuses, or a changelog has more partitions than the sources have now.
    """
    replication = settings.topic_replication
    counts, _slates = names
    lag_ms = {counts: str(int(COMPACTION_LAG_S * 1000))}
    configs = {**CONFIGS, "min.insync.replicas": str(min(2, max(1, replication - 1)))}
    found = partition_counts(admin, names)
    missing = [name for name in names if name not in found]
    for name, future in (
        admin.create_topics(
            [
                NewTopic(
                    name,
                    partitions,
                    replication,
                    config={**configs, "min.compaction.lag.ms": lag_ms.get(name, "0")},
                )
                for name in missing
            ]
        ).items()
        if missing
        else ()
    ):
        try:
            answer(future, f"the new topic {name}")
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.code() != KafkaError.TOPIC_ALREADY_EXISTS:  # another worker was first
                error = named(error, f"topic {name} (Create)")
                msg = f"changelog {name} could not be created: {error.str()}"
                raise TopicsError(msg) from None
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    while any(name not in found for name in names):
        if time.monotonic() > deadline:
            msg = (
                f"changelogs {', '.join(names)} were created but the cluster does not show them; "
                "try again"
            )
            raise TopicsError(msg)
        time.sleep(0.1)
        found = partition_counts(admin)
    for name in names:
        if found[name] > partitions:
            msg = (
                f"expected at most {partitions} partitions in {name}, as in the sources, found "
                f"{found[name]}: sources were made again with fewer; give them as many as before, "
                "or start a new SLATESTREAM_GROUP, which counts anew"
            )
            raise TopicsError(msg)
    _grow(admin, [name for name in names if found[name] < partitions], partitions)


def _grow(admin: AdminClient, names: Sequence[str], partitions: int) -> None:
    new = [NewPartitions(name, partitions) for name in names]
    for name, future in admin.create_partitions(new).items() if new else ():
        try:
            answer(future, f"more partitions of {name}")
            log.warning("%s has %d partitions now, as the sources", name, partitions)
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if error.code() != KafkaError.INVALID_PARTITIONS:  # another worker was first
                error = named(error, f"topic {name} (Alter)")
                msg = (
                    f"expected {partitions} partitions in {name}, as in the sources, found fewer, "
                    f"which could not be mended: {error.str()}"
                )
                raise TopicsError(msg) from None
