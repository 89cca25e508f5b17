"""The stage: nothing of a real installation is touched, and nothing is left."""

from __future__ import annotations

import os
import shutil
import sys
import time

import pytest
from confluent_kafka.admin import AdminClient

from streams.contract.topics import TOPICS
from streams.demo import stage as stage_module
from streams.demo.stage import StageError, stage, worker


@pytest.mark.local
def test_an_embedded_broker_comes_and_goes_with_its_directory() -> None:
    with stage(
        {
            **os.environ,
            "SLATESTREAM_TOPIC_PREFIX": "production.",
            "SLATESTREAM_DATA_DIR": "/production",
        }
    ) as on:
        assert on.embedded
        assert on.settings.topic_prefix.startswith("demo-")
        assert on.settings.data_dir.is_relative_to(on.directory)
        assert on.environ["SLATESTREAM_BROKER_REBALANCE_TIMEOUT_S"] == "6"
        admin = AdminClient({"bootstrap.servers": on.settings.bootstrap_servers, "log_level": 0})
        assert len(admin.list_topics(timeout=5).topics) >= len(TOPICS)
    assert not on.directory.exists()


@pytest.mark.kafka
def test_a_broker_that_stays_keeps_no_topic_of_the_demo(kafka: str) -> None:
    admin = AdminClient({"bootstrap.servers": kafka})
    with stage({**os.environ, "KAFKA_BOOTSTRAP_SERVERS": kafka}) as on:
        assert not on.embedded
        mine = [
            name
            for name in admin.list_topics(timeout=5).topics
            if name.startswith(on.settings.topic_prefix)
        ]
        assert len(mine) == len(TOPICS)
    end = time.monotonic() + 20  # the broker shows deleted topics for a moment
    while left := [
        name
        for name in admin.list_topics(timeout=5).topics
        if name.startswith(on.settings.topic_prefix)
    ]:
        assert time.monotonic() < end, left
        time.sleep(0.1)


@pytest.mark.local
def test_a_worker_that_does_not_start_is_named_with_its_log_which_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        stage_module,
        "worker_command",
        lambda: [sys.executable, "-c", "raise ValueError('no such luck')"],
    )
    with pytest.raises(
        StageError, match=r"ended with 1 before it was ready; it said .*no such luck.*; its log is"
    ) as failed:
        with stage(dict(os.environ)) as on, worker(on):
            pass
    log = on.directory / "worker.log"
    assert str(log) in str(failed.value)
    assert log.exists()
    shutil.rmtree(on.directory)
