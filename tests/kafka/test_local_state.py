"""Local state and topics that are not as a worker left them: each case has one answer, and the log
says which.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]

from streams.counting.rocksdb import Disk
from streams.kafka.producer import EventSender
from streams.serving.counts_view import read_counts
from tests.cluster import Cluster
from tests.kafka.feed import Feed
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, wait_for
from tests.kafka.history import CLICKS, IMPRESSIONS, History
from tests.kafka.oracle import differences
from tests.kafka.play import assert_exact, feed_all, together, wait_read
from tests.streams.counting.test_set_aside import damage

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


def test_damaged_databases_are_set_aside_and_rebuilt(counted: Counted) -> None:
    """One that does not open, one whose blocks are damaged, one whose blocks are damaged where only
    a later event looks.
    """
    fleet, history, feed = counted
    state = fleet.workers[0].data_dir / "state"
    for name, start in (("partition-2", 0.0), ("partition-3", 0.4)):
        Disk(state / name).close()  # what was in its log is in files now
        damage(state / name, start, 0.7 - start)
    (state / "partition-1" / "CURRENT").write_bytes(b"no such manifest\n")
    restart(fleet, "partition-1", "could not be opened", "set aside", "rebuilt from the changelog")
    wait_said(fleet, "partition-2", "could not be read", "set aside", "rebuilt from the changelog")
    ends = feed.ends | click_elsewhere(fleet, history)
    wait_said(fleet, "partition-3", "could not be read", "set aside", "rebuilt from the changelog")
    wait_for("the rest to be read", lambda: fleet.read(ends))
    leave(fleet)
    assert len(list(state.glob("partition-[123].broken-*"))) == 3
    assert_exact(fleet, history, feed)


def click_elsewhere(fleet: Fleet, history: History) -> dict[tuple[str, int], int]:
    """Clicks on items that the slates on disk do not hold: they wait, and count nothing. Returns
    the ends behind them.
    """
    topic, ends = fleet.names.clicks, dict[tuple[str, int], int]()

    def arrived(_error: object, record: Message) -> None:
        ends[topic, record.partition() or 0] = (record.offset() or 0) + 1

    producer = EventSender({"bootstrap.servers": fleet.bootstrap})
    for event in history.events:
        if event.source == IMPRESSIONS and not event.bad:
            seen = json.loads(event.value or b"")
            click = {name: seen[name] for name in ("slate_id", "user_id", "ts")}
            value = json.dumps(click | {"item_id": "elsewhere"}).encode()
            producer.send(topic, event.key, value, arrived)
    producer.flush(CALL_TIMEOUT_S)
    return ends


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
    wait_said(fleet, *words)
    wait_for("the worker to be ready", lambda: fleet.workers[0].text().count("Resuming flow") >= 2)


def wait_said(fleet: Fleet, *words: str) -> None:
    """Until one line of the worker's log holds all of these words."""

    def said() -> bool:
        return any(
            all(word in line for word in words) for line in fleet.workers[0].text().splitlines()
        )

    wait_for(f"the log to say {words}", said)


def leave(fleet: Fleet) -> None:
    """SIGTERM; the worker ends with 0."""
    fleet.workers[0].signal(signal.SIGTERM)
    wait_for("the worker to leave", lambda: fleet.workers[0].status is not None)
    assert fleet.workers[0].status == 0
