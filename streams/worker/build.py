"""Build: the parts of a worker put together."""

import numpy as np

from bandits.learning.change_detection import RECENT_HALF_LIVES
from bandits.slates.config import SlateConfig
from streams.config import Settings, worker_name
from streams.contract.topics import TOPICS, TopicNames
from streams.counting.consumer import ConsumerConfig
from streams.counting.consumer_process import ConsumerProcess, ConsumerThread
from streams.counting.position_tracker import PositionTracker
from streams.counting.rules import Rules
from streams.counting.sources import Sources
from streams.counting.store import Store
from streams.kafka.admin import TopicsError, check_copartitioned, partition_counts
from streams.kafka.client import connect
from streams.kafka.names import app_id, changelog_topics
from streams.kafka.topic_follower import TopicFollower
from streams.kafka.transaction import Transactions, check_group_metadata
from streams.metrics import Metrics
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import CountsView, Index
from streams.serving.embeddings import EmbeddingsView
from streams.serving.item_embedder import ItemEmbedder
from streams.serving.pending_impressions import PendingImpressions
from streams.serving.replies import Replies
from streams.serving.responder import Responder
from streams.serving.served_state import ServedStates
from streams.serving.user_profiles import UserProfiles
from streams.worker.answering import Answering
from streams.worker.ending import end_process
from streams.worker.engine import Engine
from streams.worker.parts import Parts, source_topics

PREFETCHED = 200_000  # records that librdkafka reads ahead, within 64 MiB
REQUESTS_AT_ONCE = 500  # a request waits for the others of its chunk


def build_engine(settings: Settings, config: SlateConfig) -> Engine:
    """Put a worker together.

    Raises
    ------
    TopicsError
        If topics are missing or differ in their number of partitions.
    BrokerUnreachable
        If no broker answers.
    FatalCommit
        If flushes could not be fenced with this librdkafka.
    """
    client = settings.kafka_client()
    names = TopicNames(settings.topic_prefix)
    changelogs = changelog_topics(settings)
    check_group_metadata(client, app_id(settings))
    partitions = _partitions(settings, names)
    metrics, replies = Metrics(), Replies(client)
    rules = Rules(
        settings.attribution_window_s,
        settings.conversion_window_s,
        settings.segment_fields,
        config.examination,
        config.half_life_s,
        settings.max_ahead_s,
    )
    responder, vectors = _responder(settings, config, names, metrics)
    store = Store(
        settings,
        Sources(client, {source: topic for topic, source in source_topics(names).items()}),
        changelogs,
        names.dead_letters,
        rules,
        metrics,
        Transactions(client, f"{app_id(settings)}-{worker_name(settings)}"),
        replies.wait,
        end_process,
    )
    reading = ConsumerConfig(
        client, settings.chunk_records, False, PREFETCHED, settings.max_event_bytes, rules
    )
    requests_plan = reading._replace(
        chunk_records=min(settings.chunk_records, REQUESTS_AT_ONCE), prompt=True
    )
    counts_process = ConsumerProcess(reading, end_process)
    parts = Parts(
        store=store,
        responder=responder,
        answering=Answering(responder, replies, names.slates, metrics),
        vectors=vectors,
        counts_process=counts_process,
        bulk=PositionTracker(counts_process),
        prompt=PositionTracker(ConsumerThread(requests_plan)),
        topic_followers=(
            TopicFollower(client, changelogs[:1]),
            TopicFollower(client, [names.items]),
            TopicFollower(client, [names.item_embeddings, names.encoder_releases]),
        ),
        item_letters=Replies(client),
        item_embedder=ItemEmbedder(
            client, names.item_embeddings, responder.catalogue, vectors, metrics
        ),
        metrics=metrics,
    )
    return Engine(settings, partitions, parts)


def _partitions(settings: Settings, names: TopicNames) -> int:
    found = partition_counts(connect(settings))
    missing = [name for name in map(names.of, TOPICS) if name not in found]
    if missing:
        msg = (
            f"expected the topics of the contract, found no {', '.join(missing)}; run "
            "`slatestream topics create`"
        )
        raise TopicsError(msg)
    return check_copartitioned(found, names)


def _responder(
    settings: Settings, config: SlateConfig, names: TopicNames, metrics: Metrics
) -> tuple[Responder, EmbeddingsView]:
    items = Index()
    counts = CountsView(
        items,
        config.half_life_s,
        PendingImpressions(settings.attribution_window_s),
        RECENT_HALF_LIVES,
    )
    catalogue = CatalogueView(items)
    vectors = EmbeddingsView(
        catalogue,
        names.encoder_releases,
        settings.releases_dir,
        lambda state: metrics.releases.labels(state).inc(),
    )
    rng = np.random.default_rng()
    snapshots = ServedStates(config, counts, catalogue, vectors, rng)
    return Responder(config, counts, catalogue, snapshots, UserProfiles(), rng), vectors
