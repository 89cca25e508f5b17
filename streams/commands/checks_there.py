"""What `slatestream doctor` looks at on the brokers: topics, partitions, group, rights, events,
releases.
"""

from collections.abc import Iterator

from confluent_kafka import ConsumerGroupState, KafkaException
from confluent_kafka.admin import AdminClient

from encoder.serving.artifact import ArtifactError, Release, WireError, decode_release, load
from streams.commands.findings import BAD, CARE, GOOD, Finding, one_line
from streams.config import Settings
from streams.contract.topics import TopicNames
from streams.kafka.admin import TopicsError, check_copartitioned, differences, partition_counts
from streams.kafka.asked import answer
from streams.kafka.event_sample import EventSampler
from streams.kafka.names import app_id
from streams.kafka.required_rights import lacking, sentence, serving_rights, worker_rights
from streams.kafka.rights import denied, named
from streams.kafka.topic_reader import TopicReader
from streams.serving.watch.findings import sample_findings

ADMIN_TIMEOUT_S = 10.0


def check_broker(settings: Settings, admin: AdminClient) -> Iterator[Finding]:
    """Who answered."""
    cluster = admin.list_topics(timeout=ADMIN_TIMEOUT_S)
    brokers = len(cluster.brokers)
    yield Finding(
        "broker",
        GOOD,
        f"cluster {cluster.cluster_id}, {brokers} brokers at {settings.bootstrap_servers}",
    )
    if brokers < settings.topic_replication:
        found = f"{brokers} brokers cannot hold {settings.topic_replication} replicas"
        yield Finding("broker", BAD, found, "lower SLATESTREAM_TOPIC_REPLICATION, or add brokers")


def check_topics(settings: Settings, admin: AdminClient) -> Iterator[Finding]:
    """Whether the topics are as declared. A missing one is bad; another number or configuration may
    be meant.
    """
    found = differences(
        admin,
        TopicNames(settings.topic_prefix),
        settings.topic_partitions,
        settings.topic_replication,
    )
    for line in found:
        text, _, remedy = line.partition("; ")
        yield Finding("topics", BAD if "found none" in text else CARE, text, remedy)
    if not found:
        yield Finding("topics", GOOD, "all as declared")


def check_partitions(settings: Settings, admin: AdminClient) -> Iterator[Finding]:
    """Whether the three topics keyed by user have the same number of partitions."""
    names = TopicNames(settings.topic_prefix)
    try:
        count = check_copartitioned(partition_counts(admin), names)
    except TopicsError as error:
        text, _, remedy = str(error).partition("; ")
        yield Finding("partitions", BAD, text, remedy)
        return
    yield Finding(
        "partitions",
        GOOD,
        f"{count} each for impressions, clicks and slate-requests: at most {count} workers",
    )


def check_group(settings: Settings, admin: AdminClient) -> Iterator[Finding]:
    """Which workers are there."""
    name = app_id(settings)
    try:
        group = answer(admin.describe_consumer_groups([name])[name], f"group {name}")
    except KafkaException as error:
        yield Finding(
            "group",
            CARE,
            named(error.args[0], f"group {name} (Describe)").str(),
            "see the ACLs of the group in docs/operations.md",
        )
        return
    members = len(group.members)
    if group.state in (
        ConsumerGroupState.PREPARING_REBALANCING,
        ConsumerGroupState.COMPLETING_REBALANCING,
    ):
        yield Finding(
            "group",
            CARE,
            f"{name} is being rebalanced, {members} workers",
            "look again in a minute",
        )
    elif members:
        yield Finding("group", GOOD, f"{name} has {members} workers")
    else:
        yield Finding("group", CARE, f"{name} has no worker", "start one: `slatestream worker`")


def check_rights(settings: Settings, admin: AdminClient) -> Iterator[Finding]:
    """Whether this user may do what a worker does; the user of a command need not."""
    missing = lacking(admin, [*worker_rights(settings), *serving_rights(settings)])
    if missing:
        text, _, remedy = sentence(missing).partition("; ")
        yield Finding("rights", CARE, text, f"if workers are this user: {remedy}")
    else:
        yield Finding("rights", GOOD, "topics and group can be used as a worker does")


def check_releases(settings: Settings, admin: AdminClient) -> Iterator[Finding]:
    """Whether the newest release on the topic is whole in the releases directory."""
    names = TopicNames(settings.topic_prefix)
    if names.encoder_releases not in partition_counts(admin, [names.encoder_releases]):
        yield Finding(
            "releases", CARE, "no topic to read them from", "run `slatestream topics create`"
        )
        return
    newest: Release | None = None
    with TopicReader(settings.kafka_client(), names.encoder_releases) as reader:
        for message in reader.until_end():
            try:
                release = decode_release(message.value() or b"")
            except WireError as error:
                yield Finding(
                    "releases",
                    CARE,
                    f"offset {message.offset()}: {error}",
                    "workers ignore it; publish again",
                )
                continue
            if newest is None or release.created_s >= newest.created_s:
                newest = release
    if newest is None:
        remedy = "slates work without; `slatestream encoder refresh` makes one"
        yield Finding("releases", GOOD, "none published", remedy)
        return
    try:
        load(settings.releases_dir / newest.artifact, newest.sha256)
    except ArtifactError as error:
        if not (settings.releases_dir / newest.artifact).is_dir():
            found = f"{newest.version}: {newest.items} items, {newest.dim} dimensions"
            yield Finding("releases", GOOD, f"{found}; serving processes read it from Kafka")
            return
        remedy = "new items get no vector here; remove the folder, then it is read from Kafka"
        yield Finding("releases", CARE, f"{newest.version}: {error}", remedy)
        return
    yield Finding(
        "releases",
        GOOD,
        f"{newest.version}: {newest.items} items, {newest.dim} dimensions, artifact whole",
    )


def check_events(settings: Settings, _admin: AdminClient) -> Iterator[Finding]:
    """How producers write the last impressions and clicks: keys, partitions, positions."""
    names = TopicNames(settings.topic_prefix)
    sampler = EventSampler(settings.kafka_client(), names.impressions, names.clicks)
    try:
        sample = sampler.sample()
    except (KafkaException, TopicsError) as error:
        text, remedy = one_line(error), "mend the topics first"
        if denied(error):  # a right that no command needs
            text = "this user may not read them"
            remedy = "give it Read on impressions and clicks, if it is to look how producers write"
        yield Finding("events", CARE, f"not looked at: {text}", remedy)
        return
    found = sample_findings(sample)
    for each in found:
        yield Finding("events", BAD if each.level == "alarm" else CARE, each.text, each.do)
    if not found:
        looked_at = sum(seen.events for seen in sample.values())
        yield Finding("events", GOOD, f"{looked_at} looked at: keys are users, positions from 0")
