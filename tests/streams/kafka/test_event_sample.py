"""The sample of the last events: what their counts cannot say of them."""

from __future__ import annotations

import json
from typing import Any

from streams.contract.partitioner import partition_of
from streams.kafka.event_sample import Seen, look_at
from tests.streams.making import START_S, record

PARTITIONS = 8


def event(user: str, partition: int | None = None, key: str | None = None, **fields: Any) -> Any:
    value = {"slate_id": f"s-{user}", "user_id": user, "ts": START_S, **fields}
    own = user if key is None else key
    at = partition_of(own, PARTITIONS) if partition is None else partition
    return record(json.dumps(value).encode(), own.encode(), "t", at)


def test_keys_and_partitions_are_compared_with_murmur2() -> None:
    users = [f"u{number}" for number in range(40)]
    right = [event(user, item_id="i") for user in users]
    found = look_at(right, False, PARTITIONS)
    assert found == Seen(40, 0, 0, 0, 0, frozenset(f"s-{user}" for user in users), START_S)
    elsewhere = [event(user, partition=0, item_id="i") for user in users]
    moved = sum(partition_of(user, PARTITIONS) != 0 for user in users)
    assert look_at(elsewhere, False, PARTITIONS).elsewhere == moved > 20
    other = look_at([event("u-7", key="i", item_id="i")], False, PARTITIONS)
    assert other.other_key == 1
    assert (other.key_shape, other.user_shape) == ("a, 1 character", "a-9, 3 characters")
    assert other.key_is == "item_id"
    assert look_at([event("u", key="x", item_id="i")], False).key_is == ""
    assert look_at(elsewhere, False).elsewhere == 0  # nobody said how many partitions


def test_positions_are_those_that_are_said_and_those_of_a_list() -> None:
    one = [event("u", item_id="i", position=at) for at in (1, 2)]
    found = look_at(one, True, PARTITIONS)
    assert (found.positions, found.at_top) == (2, 0)
    lists = [event("u", items=["a", {"item_id": "b", "position": 7}, "c"])]
    found = look_at(lists, True, PARTITIONS)
    assert (found.positions, found.at_top) == (3, 1)
    whole = look_at([event("u")], True, PARTITIONS)
    assert (whole.events, whole.positions) == (1, 0)


def test_broken_events_are_passed_over() -> None:
    old = event("u", item_id="i", position=0, ts="0001-01-01T00:00:00Z")
    assert look_at([record(b"{"), record(None), old], True, PARTITIONS) == Seen()
