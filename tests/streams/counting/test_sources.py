"""Where reading starts: at the state's position, unless the topic is not what it was; each case is
said.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from streams.counting.partition import Partition
from streams.counting.sources import Sources
from tests.streams.making import partition_on
from tests.streams.topics_on import make_topic, produce


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def sources(low: int, end: int, identity: str = "id") -> Sources:
    """One source, with this range."""
    made = Sources({}, {"clicks": "p.clicks"})
    made._ranges["clicks", 0] = low, end
    made._identity = {"p.clicks": identity}
    return made


def test_a_source_that_was_never_read_is_read_from_its_first_record(partition: Partition) -> None:
    assert sources(3, 10).reconcile(partition) == []
    assert (partition.offsets, partition.topic_ids) == ({"clicks": 3}, {"clicks": "id"})


@pytest.mark.parametrize("at", [3, 7, 10])
def test_reading_goes_on_where_the_state_stands(partition: Partition, at: int) -> None:
    partition.offsets["clicks"], partition.topic_ids["clicks"] = at, "id"
    assert sources(3, 10).reconcile(partition) == []
    assert partition.offsets == {"clicks": at}


def test_records_that_were_deleted_unread_are_counted_and_said(partition: Partition) -> None:
    partition.offsets["clicks"] = 3
    assert sources(8, 10).reconcile(partition) == [
        "p.clicks[0]: 5 records were deleted unread; raise its retention"
    ]
    assert partition.offsets == {"clicks": 8}


def test_a_topic_that_was_cut_short_goes_on_from_its_end(partition: Partition) -> None:
    partition.offsets["clicks"] = 20
    assert sources(0, 10).reconcile(partition) == [
        "p.clicks[0] ends at 10, before 20 that was already counted: it was cut short"
    ]
    assert partition.offsets == {"clicks": 10}


def test_a_topic_that_was_made_again_is_read_from_its_beginning_and_counts_stay(
    partition: Partition,
) -> None:
    partition.offsets["clicks"], partition.topic_ids["clicks"] = 7, "old id"
    row = partition.count(("x", "a"))
    assert sources(0, 10, "new id").reconcile(partition) == [
        "p.clicks[0] was deleted and made again: reading it from 0, counts are kept"
    ]
    assert (partition.offsets, partition.topic_ids) == ({"clicks": 0}, {"clicks": "new id"})
    assert partition.count(("x", "a")) is row


@pytest.mark.local
def test_ranges_and_identities_come_from_the_broker(local_broker: str) -> None:
    topics = {
        "clicks": make_topic(local_broker, partitions=2),
        "impressions": make_topic(local_broker, partitions=2),
    }
    produce(local_broker, topics["clicks"], [(1, b"k", b"x")] * 4)
    found = Sources({"bootstrap.servers": local_broker}, topics)
    other = make_topic(local_broker)
    identities = found.identities([other])
    assert identities.keys() == {*topics.values(), other}
    assert all(identities.values())
    found.measure({0: {}, 1: {}})
    places: Iterable[tuple[str, int]] = (("clicks", 0), ("clicks", 1), ("impressions", 1))
    assert [found.end(*place) for place in places] == [0, 4, 0]
    assert (found.topic("clicks"), found.source[topics["clicks"]]) == (topics["clicks"], "clicks")


@pytest.mark.local
def test_an_end_that_the_broker_names_too_early_is_not_taken_for_a_topic_cut_short(
    local_broker: str,
) -> None:
    topics = {"clicks": make_topic(local_broker, partitions=1)}
    produce(local_broker, topics["clicks"], [(0, b"k", b"x")] * 4)
    found = Sources({"bootstrap.servers": local_broker}, topics)
    found.measure({0: {"clicks": 4}})
    assert found.end("clicks", 0) == 4


@pytest.mark.kafka
def test_a_topic_that_ends_before_the_position_is_seen_as_it_is(kafka: str) -> None:
    topics = {"clicks": make_topic(kafka, partitions=1)}
    produce(kafka, topics["clicks"], [(0, b"k", b"x")] * 4)
    found = Sources({"bootstrap.servers": kafka}, topics)
    found.measure({0: {"clicks": 9}})
    assert found.end("clicks", 0) == 4
