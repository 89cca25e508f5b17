"""Parts: what an engine is made of, and the topics that its state is made from."""

from typing import NamedTuple

from streams.contract.topics import TopicNames
from streams.counting.chunk import CLICKS, IMPRESSIONS, SLATES
from streams.counting.consumer_process import ConsumerProcess
from streams.counting.items_follower import ItemsFollower
from streams.counting.position_tracker import PositionTracker
from streams.counting.store import Store
from streams.kafka.producer import EventSender
from streams.metrics import Metrics


class Parts(NamedTuple):
    """What an engine is made of; `build` puts it together."""

    store: Store
    consumer: ConsumerProcess
    tracker: PositionTracker
    items: ItemsFollower
    item_letters: EventSender
    metrics: Metrics


def source_topics(names: TopicNames) -> dict[str, str]:
    """The sources of the state by topic."""
    return {
        names.impressions: IMPRESSIONS,
        names.clicks: CLICKS,
        names.slates: SLATES,
    }
