"""Topics: names, declarations, and the difference between a cluster and them."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from streams.contract.topics import (
    COPARTITIONED,
    TOPICS,
    TopicNames,
    declared_configs,
    declared_partitions,
)
from streams.kafka.admin import (
    TopicsError,
    check_copartitioned,
    create,
    differences,
    partition_counts,
)


def test_names_carry_the_prefix_and_agree_with_the_declarations() -> None:
    names = TopicNames("shop.")
    assert names.slate_requests == "shop.slate-requests"
    assert [names.of(topic) for topic in TOPICS] == [
        getattr(names, topic.attribute) for topic in TOPICS
    ]
    assert [topic.name for topic in TOPICS] == [
        "items",
        "impressions",
        "clicks",
        "slate-requests",
        "slates",
        "segment-slates",
        "item-embeddings",
        "encoder-releases",
        "encoder-files",
        "dead-letters",
    ]


def test_releases_have_one_partition_whatever_is_set_because_their_order_matters() -> None:
    counts = {topic.name: declared_partitions(topic, 12) for topic in TOPICS}
    assert counts["encoder-releases"] == 1
    assert {counts[name.replace("_", "-")] for name in COPARTITIONED} == {12}


@pytest.mark.parametrize(("replication", "in_sync"), [(1, "1"), (2, "1"), (3, "2"), (5, "2")])
def test_an_acknowledged_event_is_on_two_replicas_when_there_are_three(
    replication: int, in_sync: str
) -> None:
    assert declared_configs(TOPICS[0], replication)["min.insync.replicas"] == in_sync


def test_unequal_partitions_are_named_with_their_numbers() -> None:
    partitions = {"impressions": 12, "clicks": 6, "slate-requests": 12, "slates": 12}
    with pytest.raises(
        TopicsError,
        match=r"found impressions 12, clicks 6, slate-requests 12, slates 12; add partitions",
    ):
        check_copartitioned(partitions, TopicNames())


def test_a_missing_topic_is_named_with_the_command_that_makes_it() -> None:
    with pytest.raises(TopicsError, match=r"found no x\.clicks; run `slatestream topics create`"):
        check_copartitioned(
            {"x.impressions": 1, "x.slate-requests": 1, "x.slates": 1}, TopicNames("x.")
        )


def test_equal_partitions_pass_and_are_returned() -> None:
    assert (
        check_copartitioned(
            {"impressions": 4, "clicks": 4, "slate-requests": 4, "slates": 4, "other": 1},
            TopicNames(),
        )
        == 4
    )


def create_then_compare(bootstrap: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    names = TopicNames(f"{uuid.uuid4().hex}.")
    assert len(differences(admin, names, 3, 1)) == len(TOPICS)
    assert sorted(create(admin, names, 3, 1)) == sorted(names.of(topic) for topic in TOPICS)
    assert differences(admin, names, 3, 1) == []
    assert create(admin, names, 3, 1) == []
    assert check_copartitioned(partition_counts(admin), names) == 3
    lines = differences(admin, names, 6, 1)
    assert (
        f"{names.clicks}: expected 6 partitions, found 3; set SLATESTREAM_TOPIC_PARTITIONS or "
        "recreate" in lines
    )
    assert not any(line.startswith(names.encoder_releases) for line in lines)


@pytest.mark.local
def test_created_topics_show_no_difference_on_the_embedded_broker(local_broker: str) -> None:
    create_then_compare(local_broker)


@pytest.mark.kafka
def test_created_topics_show_no_difference_on_apache_kafka(kafka: str) -> None:
    create_then_compare(kafka)


@pytest.mark.kafka
def test_a_wrong_cleanup_policy_is_found_on_apache_kafka(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    names = TopicNames(f"{uuid.uuid4().hex}.")
    admin.create_topics([NewTopic(names.items, 3, 1, config={"cleanup.policy": "delete"})])[
        names.items
    ].result(20)
    create(admin, names, 3, 1)
    assert [line for line in differences(admin, names, 3, 1) if "cleanup" in line] == [
        f"{names.items}: expected cleanup.policy=compact, found delete; alter the topic's "
        "configuration"
    ]


@pytest.mark.kafka
def test_more_replicas_than_brokers_is_refused_with_the_setting_to_lower(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    with pytest.raises(TopicsError, match="lower SLATESTREAM_TOPIC_REPLICATION"):
        create(admin, TopicNames(f"{uuid.uuid4().hex}."), 3, 3)
