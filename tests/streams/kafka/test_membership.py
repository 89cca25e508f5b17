"""What a consumer's statistics say of its place in its group."""

from __future__ import annotations

import json

from streams.kafka.membership import read_statistics


def told(join_state: str, rxidle: int, lag: int) -> str:
    partition = {"ls_offset": 100, "lo_offset": 50} if lag >= 0 else {"lo_offset": 50}
    if lag < 50:
        partition |= {"stored_offset": 100 - lag, "committed_offset": 60}
    return json.dumps(
        {
            "cgrp": {"join_state": join_state},
            "brokers": {"GroupCoordinator": {"rxidle": rxidle}},
            "topics": {"t": {"partitions": {"0": partition, "1": partition, "-1": partition}}},
        }
    )


def test_state_lag_of_own_partitions_and_the_age_of_the_heartbeat() -> None:
    assert read_statistics(told("steady", 1_500_000, 7), "t", {1}) == (
        "stable",
        {("t", 1): 7},
        1.5,
    )


def test_a_group_that_never_committed_lags_by_all_that_is_there() -> None:
    assert read_statistics(told("steady", 0, 50), "t", {0}).lag == {("t", 0): 50}


def test_what_is_not_known_is_left_out() -> None:
    assert read_statistics(told("init", -1, -1), "t", {1, 2}) == ("out", {}, None)
    assert read_statistics(told("wait-join", 0, 0), "t", ()) == ("joining", {}, 0.0)
    assert read_statistics("{}", "t", {0}) == ("out", {}, None)
