"""The topics of CONTRACT section 1: their names, how they are declared, and how a cluster differs
from that.

`impressions`, `clicks` and `slate-requests` carry the user's id as key and have the same number of
partitions, so that all that one user does reaches one worker. `check_copartitioned` holds a worker
back when they differ: counts would be right, but clicks would wait for impressions on another
worker for ever.
"""

import time
from collections.abc import Mapping
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

REQUEST_TIMEOUT_S = 20.0
DAY_MS = 86_400_000
# The largest event that brokers accept. More than SLATESTREAM_MAX_EVENT_BYTES, so that an event
# that is too large arrives and becomes a dead letter; with the broker's own 1 MiB its producer
# would be refused and nobody else would know.
LARGEST_EVENT_BYTES = 4 * 1024 * 1024


class TopicsError(RuntimeError):
    """Topics that are missing, refused or unequal: what was expected, what was found,
    what to do.
    """


class Topic(NamedTuple):
    """One topic as declared. `partitions` 0 means `SLATESTREAM_TOPIC_PARTITIONS`."""

    attribute: str  # of TopicNames
    key: str
    written_by: str
    configs: Mapping[str, str]
    partitions: int = 0

    @property
    def name(self) -> str:
        """The name without a prefix."""
        return self.attribute.replace("_", "-")

    @property
    def cleanup(self) -> str:
        """`compact` or `delete`."""
        return self.configs["cleanup.policy"]


def _compact() -> dict[str, str]:
    return {"cleanup.policy": "compact"}


def _delete(days: int) -> dict[str, str]:
    return {"cleanup.policy": "delete", "retention.ms": str(days * DAY_MS)}


_LARGE = {"max.message.bytes": str(LARGEST_EVENT_BYTES)}

# Events are kept longer than a worker may be away; impressions and clicks also longer than the
# conversion window, so that a log for off-policy evaluation and training can be read back.
TOPICS = (
    Topic("items", "item_id", "user", _compact() | _LARGE),
    Topic("impressions", "user_id", "user", _delete(14) | _LARGE),
    Topic("clicks", "user_id", "user", _delete(14) | _LARGE),
    Topic("slate_requests", "user_id", "user", _delete(1) | _LARGE),
    Topic("slates", "user_id, or segment for broadcasts", "slatestream", _delete(1)),
    Topic("item_embeddings", "item_id", "slatestream", _compact()),
    # One partition: the order of releases says which one is in force.
    Topic("encoder_releases", "version", "slatestream", _compact(), partitions=1),
    Topic("dead_letters", "key of the original", "slatestream", _delete(14)),
)
COPARTITIONED = ("impressions", "clicks", "slate_requests")


class TopicNames:
    """Names with `SLATESTREAM_TOPIC_PREFIX` in front:
    `TopicNames("shop.").slate_requests == "shop.slate-requests"`.
    """

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix
        self.items = f"{prefix}items"
        self.impressions = f"{prefix}impressions"
        self.clicks = f"{prefix}clicks"
        self.slate_requests = f"{prefix}slate-requests"
        self.slates = f"{prefix}slates"
        self.item_embeddings = f"{prefix}item-embeddings"
        self.encoder_releases = f"{prefix}encoder-releases"
        self.dead_letters = f"{prefix}dead-letters"

    def of(self, topic: Topic) -> str:
        """The full name of a declared topic."""
        return self.prefix + topic.name


def declared_partitions(topic: Topic, partitions: int) -> int:
    """Partitions of a topic when `SLATESTREAM_TOPIC_PARTITIONS` is `partitions`."""
    return topic.partitions or partitions


def declared_configs(topic: Topic, replication: int) -> dict[str, str]:
    """A topic's configuration; with three replicas an acknowledged event is on two of them."""
    return {**topic.configs, "min.insync.replicas": str(min(2, max(1, replication - 1)))}


def partition_counts(admin: AdminClient) -> dict[str, int]:
    """Partitions of every topic that the cluster has."""
    topics = admin.list_topics(timeout=REQUEST_TIMEOUT_S).topics
    return {name: len(each.partitions) for name, each in topics.items() if each.error is None}


def create(admin: AdminClient, names: TopicNames, partitions: int, replication: int) -> list[str]:
    """Create what is missing, as declared, and wait until the cluster shows it; existing topics
    stay as they are.

    Returns
    -------
    list of str
        Names of the topics made here.

    Raises
    ------
    TopicsError
        With the broker's reason, when it refuses one.
    """
    new = [
        NewTopic(
            names.of(t),
            declared_partitions(t, partitions),
            replication,
            config=declared_configs(t, replication),
        )
        for t in TOPICS
    ]
    created = []
    for name, future in admin.create_topics(new, request_timeout=REQUEST_TIMEOUT_S).items():
        try:
            future.result(REQUEST_TIMEOUT_S)
            created.append(name)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                hint = (
                    "lower SLATESTREAM_TOPIC_REPLICATION"
                    if "replication" in reason.str().lower()
                    else "ask for it"
                )
                msg = (
                    f"topic {name} could not be created: {reason.str()}; mend that ({hint}) and "
                    "try again"
                )
                raise TopicsError(msg) from None
    end = time.monotonic() + REQUEST_TIMEOUT_S
    while missing := {names.of(t) for t in TOPICS} - partition_counts(admin).keys():
        if time.monotonic() > end:
            msg = (
                f"topics {', '.join(sorted(missing))} were created but are not shown by the "
                "cluster; try again"
            )
            raise TopicsError(msg)
        time.sleep(0.1)
    return created


def differences(
    admin: AdminClient, names: TopicNames, partitions: int, replication: int
) -> list[str]:
    """One sentence for everything that stands otherwise than declared; empty when all is well."""
    found = admin.list_topics(timeout=REQUEST_TIMEOUT_S).topics
    lines, resources = [], {}
    for topic in TOPICS:
        name = names.of(topic)
        if name not in found or found[name].error is not None:
            lines.append(f"{name}: expected the topic, found none; run `slatestream topics create`")
            continue
        wanted, has = declared_partitions(topic, partitions), len(found[name].partitions)
        if has != wanted:
            lines.append(
                f"{name}: expected {wanted} partitions, found {has}; set "
                "SLATESTREAM_TOPIC_PARTITIONS or recreate"
            )
        copies = min((len(each.replicas) for each in found[name].partitions.values()), default=0)
        if copies < replication:
            lines.append(
                f"{name}: expected {replication} replicas, found {copies}; reassign its partitions"
            )
        resources[ConfigResource(ResourceType.TOPIC, name)] = declared_configs(topic, replication)
    for resource, future in (admin.describe_configs(list(resources)) if resources else {}).items():
        has_configs = future.result(REQUEST_TIMEOUT_S)
        for key, expected in resources[resource].items():
            value = has_configs[key].value if key in has_configs else "nothing"
            if value != expected:
                lines.append(
                    f"{resource.name}: expected {key}={expected}, found {value}; alter the "
                    "topic's configuration"
                )
    return lines


def check_copartitioned(partitions: Mapping[str, int], names: TopicNames) -> int:
    """The common number of partitions of `impressions`, `clicks` and `slate-requests`.

    Parameters
    ----------
    partitions
        Partitions per topic, from `partition_counts`.
    names
        Full names of the topics.

    Raises
    ------
    TopicsError
        When one of them is missing, or they differ.
    """
    wanted = [getattr(names, attribute) for attribute in COPARTITIONED]
    missing = [name for name in wanted if name not in partitions]
    if missing:
        msg = (
            f"expected the topics {', '.join(wanted)}, found no {', '.join(missing)}; run "
            "`slatestream topics create`"
        )
        raise TopicsError(msg)
    if len({partitions[name] for name in wanted}) > 1:
        found = ", ".join(f"{name} {partitions[name]}" for name in wanted)
        msg = (
            f"expected the same number of partitions for {', '.join(wanted)}, found {found}; "
            "add partitions to the smaller ones, or recreate them with `slatestream topics create`"
        )
        raise TopicsError(msg)
    return partitions[wanted[0]]
