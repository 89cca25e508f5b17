"""Workers that are killed, paused and wiped: totals stay exact."""

from __future__ import annotations

import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.worker.ending import EXIT_STATUS
from tests.cluster import Cluster
from tests.kafka import audit
from tests.kafka.fleet import SESSION_TIMEOUT_S, Fleet, Worker, kill_consumer, wait_for
from tests.kafka.history import make
from tests.kafka.play import assert_exact, feed_all, signal_ready, start_feed, wait_read
from tests.kafka.rounds import Round

pytestmark = pytest.mark.kafka


def test_one_killed_and_restarted_and_one_paused_leave_totals_equal(
    make_fleet: Callable[..., Fleet],
) -> None:
    fleet = make_fleet(2, serving=1)
    history = make(random.Random(1), time.time(), 12_000, requests=50)
    for worker in fleet.workers:
        fleet.start(worker)
    fleet.serve(fleet.serving[0])
    wait_for("both workers to be ready", lambda: signal_ready(fleet))
    feed = start_feed(fleet, history, seconds=6.0)
    time.sleep(1.5)
    fleet.workers[0].kill()
    fleet.start(fleet.workers[0])
    fleet.workers[1].pause()
    time.sleep(SESSION_TIMEOUT_S + 1.5)
    fleet.workers[1].resume()
    wait_read(fleet, feed)
    time.sleep(0.6)  # what a worker of an old generation still tries, it has tried
    assert_exact(fleet, history, feed)


def test_a_member_that_comes_back_disturbs_nobody_and_one_that_ends_is_not_waited_for(
    make_fleet: Callable[..., Fleet],
) -> None:
    """kill -9 of a worker that is started again within its session: the others stay in their
    generation. SIGTERM, and status 70: they have its partitions long before its session is over.
    """
    fleet = make_fleet(2, SLATESTREAM_BROKER_SESSION_TIMEOUT_S=30)
    stays, goes = fleet.workers
    for worker in (goes, stays):
        fleet.start(worker)
    wait_for("both to have partitions", lambda: all(owned(w) == 2 for w in fleet.workers))
    generations, lives = said(stays), said(goes)
    goes.kill()
    fleet.start(goes)
    wait_for("it to be back", lambda: len(said(goes)) > len(lives))
    assert said(stays) == generations
    assert said(goes) == [*lives, lives[-1]]
    goes.signal(signal.SIGTERM)
    wait_for("all partitions to go over", lambda: owned(stays) == 4, 20)
    wait_for("the end", lambda: goes.status == 0)
    fleet.start(goes)
    wait_for("both to have partitions again", lambda: all(owned(w) == 2 for w in fleet.workers))
    assert goes.process is not None
    kill_consumer(goes.process.pid)
    wait_for("the worker to end", lambda: goes.status == EXIT_STATUS)
    wait_for("all partitions to go over again", lambda: owned(stays) == 4, 20)


def said(worker: Worker) -> list[str]:
    """The generations of a worker, with what it owned, as its log says."""
    return re.findall(r"generation (\d+: own \[[^]]*\])", worker.text())


def owned(worker: Worker) -> int:
    """How many partitions it has got last."""
    found = said(worker)
    return len(re.findall(r"\d+", found[-1].partition("own")[2])) if found else 0


@pytest.mark.parametrize("index", [0, 1], ids=["pause", "wiped disk"])
def test_a_round_of_chaos_finds_nothing(kafka_cluster: Cluster, tmp_path: Path, index: int) -> None:
    result = Round(
        kafka_cluster, tmp_path / "round", 4242 + index, index, partitions=12, workers=3, mutant=""
    ).run()
    assert result.findings == ()
    assert result.kills >= 1


def test_chunk_sizes_1_7_and_4000_give_equal_totals(make_fleet: Callable[..., Fleet]) -> None:
    fleet = make_fleet(1)
    history, feed = feed_all(fleet, 7, events=3000)
    for size in (1, 7, 4000):
        fleet.environ |= {
            "SLATESTREAM_CHUNK_RECORDS": str(size),
            "SLATESTREAM_GROUP": f"chunks-of-{size}",
        }
        fleet.workers[0].wipe()
        fleet.start(fleet.workers[0])
        wait_read(fleet, feed)
        fleet.close()
        assert audit.totals(fleet, history) == []
