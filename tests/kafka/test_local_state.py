"""Local state and topics that are not as a worker left them: each case has one answer, and the log
says which.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from streams.serving.counts_view import read_counts
from tests.cluster import Cluster
from tests.kafka.feed import Feed
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, wait_for
from tests.kafka.history import CLICKS, IMPRESSIONS, History
from tests.kafka.oracle import differences
from tests.kafka.play import assert_exact, feed_all, together, wait_read

pytestmark = pytest.mark.kafka

Counted = tuple[Fleet, History, Feed]
CASES = 4


@pytest.fixture(scope="module")
def all_counted(
    kafka_cluster: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Counted]]:
    """Workers that have counted a history and left in order; all at once, since most of it is
    waiting.
    """
    fleets = [
        Fleet(
            kafka_cluster.bootstrap,
            tmp_path_factory.mktemp("state"),
            f"state{n}-{time.time():.0f}.",
            1,
        )
        for n in range(CASES)
    ]
    counted = []
    for fleet in fleets:
        fleet.create_topics(4)
        fleet.start(fleet.workers[0])
        counted.append((fleet, *feed_all(fleet, 3, seconds=4.0)))
    for fleet, history, feed in counted:
        wait_read(fleet, feed)
        leave(fleet)
        assert_exact(fleet, history, feed)
    yield counted.copy()
    for fleet in fleets:
        fleet.close()
        fleet.delete_topics()


@pytest.fixture
def counted(all_counted: list[Counted]) -> Counted:
    """One of them, for one test."""
    return all_counted.pop()


def test_corrupt_database_is_set_aside_and_rebuilt(counted: Counted) -> None:
    fleet, history, feed = counted
    state = fleet.workers[0].data_dir / "state"
    (state / "partition-1" / "CURRENT").write_bytes(b"no such manifest\n")
    restart(fleet, "partition-1", "could not be opened", "set aside", "rebuilt from the changelog")
    leave(fleet)
    assert len(list(state.glob("partition-1.broken-*"))) == 1
    assert_exact(fleet, history, feed)


def test_source_made_again_is_read_from_its_start_and_counts_are_kept(counted: Counted) -> None:
    fleet, history, _feed = counted
    topic = fleet.names.impressions
    admin = AdminClient({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    admin.delete_topics([topic])[topic].result(CALL_TIMEOUT_S)
    wait_for(
        "the topic to go", lambda: topic not in admin.list_topics(timeout=CALL_TIMEOUT_S).topics
    )
    admin.create_topics([NewTopic(topic, 4, 1)])[topic].result(CALL_TIMEOUT_S)
    more, _more_feed = feed_all(fleet, 4)
    restart(fleet, topic, "was deleted and made again", "counts are kept")
    wait_exact(fleet, history, more)
    leave(fleet)


def test_deleted_records_are_skipped_and_said(counted: Counted) -> None:
    fleet, history, _feed = counted
    _unread, feed = feed_all(fleet, 5)
    cut = {
        place: end for place, end in feed.ends.items() if place[0].endswith((IMPRESSIONS, CLICKS))
    }
    admin = AdminClient({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    for future in admin.delete_records(
        [TopicPartition(topic, n, end) for (topic, n), end in cut.items()]
    ).values():
        future.result(CALL_TIMEOUT_S)
    last, _last_feed = feed_all(fleet, 6)
    restart(fleet, "records were deleted unread", "raise its retention")
    wait_exact(fleet, history, last)
    leave(fleet)


def test_deleted_changelog_starts_the_state_again_from_what_the_sources_hold(
    counted: Counted,
) -> None:
    fleet, history, _feed = counted
    admin = AdminClient({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    names = list(fleet.changelogs())
    for future in admin.delete_topics(names).values():
        future.result(CALL_TIMEOUT_S)
    wait_for(
        "the changelogs to go",
        lambda: not set(names) & admin.list_topics(timeout=CALL_TIMEOUT_S).topics.keys(),
    )
    restart(fleet, "local rows dropped and read again", "another topic of that name")
    wait_exact(fleet, history)
    leave(fleet)


def wait_exact(fleet: Fleet, *histories: History) -> None:
    """Until `stats export` says what these histories come to."""
    expected = together(*histories)
    wait_for(
        "the totals to be exact",
        lambda: not differences(expected, read_counts(fleet.settings)),
        every_s=0.5,
    )


def restart(fleet: Fleet, *words: str) -> None:
    """Start the worker again; one line of its log holds all of these words."""
    fleet.start(fleet.workers[0])

    def said() -> bool:
        return any(
            all(word in line for word in words) for line in fleet.workers[0].text().splitlines()
        )

    wait_for(f"the log to say {words}", said)
    wait_for("the worker to be ready", lambda: fleet.workers[0].text().count("Resuming flow") >= 2)


def leave(fleet: Fleet) -> None:
    """SIGTERM; the worker ends with 0."""
    fleet.workers[0].signal(signal.SIGTERM)
    wait_for("the worker to leave", lambda: fleet.workers[0].status is not None)
    assert fleet.workers[0].status == 0
