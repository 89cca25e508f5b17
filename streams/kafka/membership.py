"""Membership: what a librdkafka consumer knows of its place in its group, out of its statistics
(librdkafka, STATISTICS.md).
"""

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

COORDINATOR = "GroupCoordinator"  # the connection that heartbeats go over


class Membership(NamedTuple):
    """One of `streams.metrics.GROUP_STATES`; records whose offsets are not stored, by topic and
    partition; how long ago the coordinator was heard of, None while it is away.
    """

    state: str
    lag: Mapping[tuple[str, int], int]
    heard_ago_s: float | None


def read_statistics(text: str, topic: str, assigned: Collection[int]) -> Membership:
    """The place in the group; `assigned` are the partitions of `topic` that this member reads."""
    told: Mapping[str, Any] = json.loads(text)
    group = told.get("cgrp", {})
    partitions = told.get("topics", {}).get(topic, {}).get("partitions", {})
    lag = {
        (topic, number): int(left)
        for number in assigned
        if (left := _left(partitions.get(str(number), {}))) is not None
    }
    idle_us = told.get("brokers", {}).get(COORDINATOR, {}).get("rxidle", -1)
    return Membership(_state(group), lag, idle_us / 1e6 if idle_us >= 0 else None)


def _left(told: Mapping[str, Any]) -> int | None:
    """Records before the end of committed ones that are not done; None while either is unknown. A
    group that never committed begins at the first record that there is.
    """
    end = told.get("ls_offset", -1)
    places = (told.get(name, -1) for name in ("stored_offset", "committed_offset", "lo_offset"))
    at = next((place for place in places if place >= 0), -1)
    return max(0, end - at) if end >= 0 and at >= 0 else None


def _state(group: Mapping[str, Any]) -> str:
    if group.get("join_state") in ("steady", "started"):
        return "stable"
    return "out" if group.get("join_state", "init") == "init" else "joining"
