"""More partitions under a running worker: old counts stay, new partitions start empty."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from streams.contract.topics import COPARTITIONED
from streams.serving.counts_view import read_counts
from streams.worker.ending import EXIT_STATUS
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, wait_for
from tests.kafka.oracle import differences
from tests.kafka.play import feed_all, signal_ready, together, wait_read

pytestmark = pytest.mark.kafka


def test_partitions_may_be_added_under_a_running_worker(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(1, 3)
    (worker,) = fleet.workers
    fleet.start(worker)
    wait_for("the worker to be ready", lambda: signal_ready(fleet))
    before, feed = feed_all(fleet, 31)
    wait_read(fleet, feed)
    admin = AdminClient({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    new = [NewPartitions(getattr(fleet.names, each), 5) for each in COPARTITIONED]
    for future in admin.create_partitions(new).values():
        future.result(CALL_TIMEOUT_S)
    wait_for("the worker to notice", lambda: worker.status is not None, 60)
    assert worker.status == EXIT_STATUS
    assert "partitions were added; the next start lets the changelogs grow along" in worker.text()
    fleet.start(worker)
    after, more = feed_all(fleet, 32)
    wait_read(fleet, more)
    assert differences(together(before, after), read_counts(fleet.settings)) == []
    assert {number for _topic, number in more.ends} == set(range(5))
