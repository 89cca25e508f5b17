"""What a cluster has: topics with their partitions, identities and configurations; how they differ
from what is declared (`streams.contract.topics`), and how to create them.
"""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from streams.contract.topics import (
    COPARTITIONED,
    TOPICS,
    TopicNames,
    declared_configs,
    declared_partitions,
)
from streams.kafka.asked import answer
from streams.kafka.rights import denied, named, rights_on

REQUEST_TIMEOUT_S = 20.0
AGAIN_S = 0.1


class TopicsError(RuntimeError):
    """Topics that are missing, refused or unequal: what was expected, what was found,
    what to do.
    """


def partition_counts(admin: AdminClient, wanted: Iterable[str] = ()) -> dict[str, int]:
    """Partitions of every topic that the cluster has.

    A broker leaves out the topics that this user may not see: those of `wanted` that are not there
    are asked for by name.

    Raises
    ------
    KafkaException
        For one of `wanted` that this user may not see.
    """
    topics = admin.list_topics(timeout=REQUEST_TIMEOUT_S).topics
    for name in wanted:
        if name not in topics:
            check_seen(admin, name)
    return {name: len(each.partitions) for name, each in topics.items() if each.error is None}


def check_seen(admin: AdminClient, name: str) -> None:
    """Tell a topic that is not there from one that this user may not see.

    Raises
    ------
    KafkaException
        For the latter.
    """
    # subtle: metadata of one topic, asked for by a client that may produce, makes the topic
    asked = admin.describe_topics(TopicCollection([name]), request_timeout=REQUEST_TIMEOUT_S)
    try:
        answer(asked[name], f"topic {name}")
    except KafkaException as failure:
        if denied(failure.args[0]):
            raise KafkaException(named(failure.args[0], f"topic {name}")) from None


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
    there = partition_counts(admin)
    new = [
        NewTopic(
            names.of(t),
            declared_partitions(t, partitions),
            replication,
            config=declared_configs(t, replication),
        )
        for t in TOPICS
        if names.of(t) not in there  # nobody needs the right to create what exists
    ]
    created = []
    for name, future in (
        admin.create_topics(new, request_timeout=REQUEST_TIMEOUT_S).items() if new else ()
    ):
        try:
            answer(future, f"the new topic {name}")
            created.append(name)
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() != KafkaError.TOPIC_ALREADY_EXISTS:
                if denied(reason):
                    raise KafkaException(named(reason, f"topic {name} (Create)")) from None
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
            check_seen(admin, name)
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
        with rights_on(f"topic {resource.name} (DescribeConfigs)"):
            has_configs = answer(future, f"the settings of topic {resource.name}")
        for key, expected in resources[resource].items():
            value = has_configs[key].value if key in has_configs else "nothing"
            if value != expected:
                lines.append(
                    f"{resource.name}: expected {key}={expected}, found {value}; alter the "
                    "topic's configuration"
                )
    return lines


def check_copartitioned(partitions: Mapping[str, int], names: TopicNames) -> int:
    """The common number of partitions of `impressions`, `clicks`, `slate-requests` and `slates`.

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


def partitions_of_sources(admin: AdminClient, names: TopicNames) -> int:
    """The number of partitions that the co-partitioned topics share, with all topics there; of the
    others, those that this user may not see are none of its concern.

    Raises
    ------
    TopicsError
        When a topic of the contract is missing, or partitions differ.
    KafkaException
        For a co-partitioned topic that this user may not see.
    """
    found = partition_counts(admin, [getattr(names, each) for each in COPARTITIONED])
    missing = [
        name for name in map(names.of, TOPICS) if name not in found and not _hidden(admin, name)
    ]
    if missing:
        msg = (
            f"expected the topics of the contract, found no {', '.join(missing)}; run "
            "`slatestream topics create`"
        )
        raise TopicsError(msg)
    return check_copartitioned(found, names)


def _hidden(admin: AdminClient, name: str) -> bool:
    try:
        check_seen(admin, name)
    except KafkaException:
        return True
    return False


def topic_ids(client: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """The identity of each topic.

    A broker that has just come back does not know its topics yet: it is asked again for
    `REQUEST_TIMEOUT_S` seconds.

    Raises
    ------
    KafkaException
        For a topic that does not come up.
    """
    admin = AdminClient(dict(client))
    deadline = time.monotonic() + REQUEST_TIMEOUT_S
    ids: dict[str, str] = {}
    while left := [name for name in names if name not in ids]:
        for name, future in admin.describe_topics(
            TopicCollection(left), request_timeout=REQUEST_TIMEOUT_S
        ).items():
            try:
                with rights_on(f"topic {name} (Describe)"):
                    ids[name] = str(answer(future, f"topic {name}").topic_id)
            except KafkaException as failure:
                if time.monotonic() > deadline or denied(failure):
                    raise
        if len(ids) < len(names):
            time.sleep(AGAIN_S)
    return ids
