"""The topics of CONTRACT section 1: their names, how they are declared, and how a cluster differs
from that.

`impressions`, `clicks`, `slate-requests` and `slates` carry the user's id as key and have the same
number of partitions, so that all that one user does reaches one worker. `check_copartitioned` holds
a worker back when they differ: counts would be right, but clicks would wait for impressions on
another worker for ever.
"""

from collections.abc import Mapping
from typing import NamedTuple

DAY_MS = 86_400_000
# The largest event that brokers accept. More than SLATESTREAM_MAX_EVENT_BYTES, so that an event
# that is too large arrives and becomes a dead letter; with the broker's own 1 MiB its producer
# would be refused and nobody else would know.
LARGEST_EVENT_BYTES = 4 * 1024 * 1024


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

# Events are kept longer than a worker may be away; slates, impressions and clicks also longer than
# the conversion window, so that a log for off-policy evaluation and training can be read back.
TOPICS = (
    Topic("items", "item_id", "user", _compact() | _LARGE),
    Topic("impressions", "user_id", "user", _delete(14) | _LARGE),
    Topic("clicks", "user_id", "user", _delete(14) | _LARGE),
    Topic("slate_requests", "user_id", "user", _delete(1) | _LARGE),
    Topic("slates", "user_id", "slatestream", _delete(14) | _LARGE),
    Topic("segment_slates", "segment", "slatestream", _compact()),
    Topic("item_embeddings", "item_id", "slatestream", _compact()),
    # One partition: the order of releases says which one is in force.
    Topic("encoder_releases", "version", "slatestream", _compact(), partitions=1),
    # Bytes for the processes themselves: the folders of releases (encoder.serving.release_files).
    Topic("encoder_files", "file of a version", "slatestream", _compact(), partitions=1),
    Topic("dead_letters", "key of the original", "slatestream", _delete(14)),
)
COPARTITIONED = ("impressions", "clicks", "slate_requests", "slates")


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
        self.segment_slates = f"{prefix}segment-slates"
        self.item_embeddings = f"{prefix}item-embeddings"
        self.encoder_releases = f"{prefix}encoder-releases"
        self.encoder_files = f"{prefix}encoder-files"
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
