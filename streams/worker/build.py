"""Build: the parts of a worker put together."""

from bandits.slates.config import SlateConfig
from streams.config import Settings, worker_name
from streams.contract.topics import TopicNames
from streams.counting.consumer import ConsumerConfig
from streams.counting.consumer_process import ConsumerProcess
from streams.counting.items_follower import ItemsFollower
from streams.counting.position_tracker import PositionTracker
from streams.counting.rules import Rules
from streams.counting.sources import Sources
from streams.counting.store import Store
from streams.kafka.admin import partitions_of_sources
from streams.kafka.client import connect
from streams.kafka.liveness import FLUSH, HEARTBEAT, POLL
from streams.kafka.names import app_id, changelog_topics
from streams.kafka.producer import EventSender
from streams.kafka.required_rights import check_rights, worker_rights
from streams.kafka.transaction import Transactions, check_group_metadata
from streams.metrics import Metrics
from streams.worker.ending import end_process
from streams.worker.engine import Engine
from streams.worker.parts import Parts, source_topics

PREFETCHED = 200_000  # records that librdkafka reads ahead, within 64 MiB


def build_engine(settings: Settings, config: SlateConfig) -> Engine:
    """Put a worker together.

    Raises
    ------
    TopicsError
        If topics are missing or differ in their number of partitions.
    BrokerUnreachable
        If no broker answers.
    RightsError
        If this user may not do what a worker does.
    FatalCommit
        If flushes could not be fenced with this librdkafka.
    """
    client = settings.kafka_client()
    names = TopicNames(settings.topic_prefix)
    check_group_metadata(client, app_id(settings))
    admin = connect(settings)
    check_rights(admin, worker_rights(settings))
    partitions = partitions_of_sources(admin, names)
    metrics = Metrics()
    rules = Rules(
        settings.attribution_window_s,
        settings.conversion_window_s,
        settings.segment_fields,
        config.examination or (1.0,),
        config.half_life_s,
        settings.max_ahead_s,
        config.examination is None,
    )
    store = Store(
        settings,
        Sources(client, {source: topic for topic, source in source_topics(names).items()}),
        changelog_topics(settings),
        names.dead_letters,
        rules,
        metrics,
        Transactions(
            client,
            f"{app_id(settings)}-{worker_name(settings)}",
            settings.transaction_timeout_s,
        ),
        end_process,
    )
    metrics.group.watch(store.liveness.age_s, POLL, FLUSH, HEARTBEAT)
    reading = ConsumerConfig(
        client, settings.chunk_records, PREFETCHED, settings.max_event_bytes, rules
    )
    consumer = ConsumerProcess(reading, end_process)
    items = ItemsFollower(client, names.items, store.described)
    tracker = PositionTracker(consumer, lambda: store.liveness.happened(POLL))
    parts = Parts(store, consumer, tracker, items, EventSender(client), metrics)
    return Engine(settings, partitions, parts)
