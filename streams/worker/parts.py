"""Parts: what an engine is made of, and the topics that its state is made from."""

from typing import NamedTuple

from streams.contract.topics import TopicNames
from streams.counting.chunk import CLICKS, IMPRESSIONS, REQUESTS
from streams.counting.consumer_process import ConsumerProcess
from streams.counting.position_tracker import PositionTracker
from streams.counting.store import Store
from streams.kafka.topic_follower import TopicFollower
from streams.metrics import Metrics
from streams.serving.embeddings import EmbeddingsView
from streams.serving.item_embedder import ItemEmbedder
from streams.serving.replies import Replies
from streams.serving.responder import Responder
from streams.worker.answering import Answering


class Parts(NamedTuple):
    """What an engine is made of; `build` puts it together."""

    store: Store
    responder: Responder
    answering: Answering
    vectors: EmbeddingsView
    counts_process: ConsumerProcess
    bulk: PositionTracker
    prompt: PositionTracker
    topic_followers: tuple[TopicFollower, TopicFollower, TopicFollower]  # counts, items, embeddings
    item_letters: Replies
    item_embedder: ItemEmbedder
    metrics: Metrics


def source_topics(names: TopicNames) -> dict[str, str]:
    """The sources of the state by topic."""
    return {
        names.impressions: IMPRESSIONS,
        names.clicks: CLICKS,
        names.slate_requests: REQUESTS,
    }
