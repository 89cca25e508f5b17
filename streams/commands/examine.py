"""What `slatestream doctor` looks at: one small check per concern, each with what it found and what
to do.

    settings -> policy file -> disk -> broker -> topics -> partitions -> group -> rights -> releases

Checks that need the broker are left out when it does not answer; the report says so.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from confluent_kafka import ConsumerGroupState, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from bandits.slates.config import ConfigError
from bandits.slates.config_file import load_policy_file
from encoder.serving.artifact import ArtifactError, Release, WireError, decode_release, load
from streams.config import Settings, SettingsError
from streams.contract.topics import TopicNames
from streams.kafka.admin import TopicsError, check_copartitioned, differences, partition_counts
from streams.kafka.client import BrokerUnreachable, connect
from streams.kafka.names import app_id
from streams.kafka.required_rights import lacking, sentence, serving_rights, worker_rights
from streams.kafka.rights import denied, named
from streams.kafka.topic_reader import TopicReader
from streams.settings import SETTINGS

GOOD, CARE, BAD = "good", "care", "bad"
LEAST_FREE_BYTES = 2 << 30  # state of some million rows, with RocksDB's room to compact
ADMIN_TIMEOUT_S = 10.0


class Finding(NamedTuple):
    """One line of the report. `bad` stops a worker or loses something; `care` is worth knowing."""

    check: str
    status: str
    found: str
    remedy: str = ""


def examine(settings: Settings) -> list[Finding]:
    """Every check in order; one that fails in a way of its own is a finding too."""
    findings = [each for check in LOCAL_CHECKS for each in _looked(check, settings)]
    try:
        admin = connect(settings)
    except (BrokerUnreachable, SettingsError, KafkaException) as error:
        text, _, remedy = _one_line(error).partition("; ")
        unseen = Finding(
            ", ".join(_name(check) for check in BROKER_CHECKS[1:]),
            CARE,
            "not looked at: no broker",
            "mend the broker first",
        )
        return [*findings, Finding("broker", BAD, text, remedy), unseen]
    return findings + [each for check in BROKER_CHECKS for each in _looked(check, settings, admin)]


def _looked(check: Callable[..., Iterator[Finding]], *arguments: Any) -> Iterator[Finding]:
    """What a check finds; what it raises is its last finding, and the others go on."""
    try:
        yield from check(*arguments)
    except Exception as error:  # whatever it is, the other checks are worth having
        remedy = "see the ACLs in docs/operations.md" if denied(error) else "mend that, look again"
        yield Finding(_name(check), BAD, _one_line(error), remedy)


def _name(check: Callable[..., Iterator[Finding]]) -> str:
    return check.__name__.removeprefix("check_").replace("_", " ")


def _one_line(error: Exception) -> str:
    first = error.args[0] if error.args else error
    text = first.str() if isinstance(first, KafkaError) else str(error)
    return " ".join(text.split()) or type(error).__name__


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Which settings are not at their default (a wrong one ends every command before this)."""
    changed = []
    for setting in SETTINGS:
        value = getattr(settings, setting.field)
        if setting.default is None or value != setting.kind(setting.default):
            if value is not None:
                changed.append(f"{setting.name}={'(secret)' if setting.secret else value}")
    yield Finding("settings", GOOD, ", ".join(changed) or "all at their defaults")


def check_policy_file(settings: Settings) -> Iterator[Finding]:
    """Whether the policy file can be used."""
    if settings.policy_file is not None and not settings.policy_file.is_file():
        remedy = "mend SLATESTREAM_POLICY_FILE, or unset it for the default policy"
        yield Finding(
            "policy file", BAD, f"expected a file at {settings.policy_file}, found none", remedy
        )
        return
    try:
        policy_file = load_policy_file(settings.policy_file)
    except ConfigError as error:
        yield Finding("policy file", BAD, str(error), f"mend {settings.policy_file}")
        return
    found = ", ".join(
        f"{each.name} {each.share:.0%}: {each.config.policy} ({each.config.version})"
        for each in policy_file.variants
    )
    yield Finding("policy file", GOOD, f"{found} from {settings.policy_file or 'the default'}")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Whether the data directory can be written and has room."""
    directory = settings.data_dir.resolve()
    existing = _nearest_existing(directory)
    if not existing.is_dir() or not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "disk",
            BAD,
            f"{directory} cannot be written",
            "give this user the directory, or set SLATESTREAM_DATA_DIR",
        )
        return
    free = shutil.disk_usage(existing).free
    room = f"{free / (1 << 30):.1f} GiB free at {directory}"
    if free < LEAST_FREE_BYTES:
        yield Finding(
            "disk",
            BAD,
            room,
            f"free some space: a worker wants {LEAST_FREE_BYTES >> 30} GiB and stops when the "
            "disk is full",
        )
    else:
        yield Finding("disk", GOOD, room)


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
        group = admin.describe_consumer_groups([name])[name].result(ADMIN_TIMEOUT_S)
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


LOCAL_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    check_settings,
    check_policy_file,
    check_disk,
)
BROKER_CHECKS: tuple[Callable[[Settings, AdminClient], Iterator[Finding]], ...] = (
    check_broker,
    check_topics,
    check_partitions,
    check_group,
    check_rights,
    check_releases,
)


def _nearest_existing(path: Path) -> Path:
    return next(each for each in (path, *path.parents) if each.exists())
