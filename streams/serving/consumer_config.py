"""How the consumer of slate requests is configured."""

from collections.abc import Callable
from typing import Any

from streams.config import Settings
from streams.kafka.client import consuming
from streams.kafka.names import serving_group

COMMIT_MS = 500
STATISTICS_MS = 1000


def is_static(settings: Settings) -> bool:
    """Whether the group knows this process by a name, which it has after a restart too."""
    return bool(settings.worker_name) and settings.serving_group_protocol == "classic"


def consumer_config(settings: Settings, statistics: Callable[[str], None]) -> dict[str, Any]:
    """For librdkafka; `statistics` is told what the client knows of its group."""
    config: dict[str, Any] = {
        **consuming(settings.kafka_client()),
        "group.id": serving_group(settings),
        "enable.auto.commit": True,
        "auto.commit.interval.ms": COMMIT_MS,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed",
        "fetch.wait.max.ms": 10,
        "fetch.queue.backoff.ms": 5,
        "queued.min.messages": 1000,
        "statistics.interval.ms": STATISTICS_MS,
        "stats_cb": statistics,
    }
    session_ms = int(settings.serving_session_timeout_s * 1000)
    if settings.serving_group_protocol == "consumer":
        # the broker has the session timeout and assigns (KIP-848)
        return config | {"group.protocol": "consumer"}
    if is_static(settings):
        config["group.instance.id"] = settings.worker_name
    return config | {
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": session_ms,
        # members hear so late of a rebalance that replaces a dead one
        "heartbeat.interval.ms": session_ms // 20,
        # how long a rebalance waits for a member
        "max.poll.interval.ms": session_ms,
    }
