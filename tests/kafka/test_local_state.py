"""Local state and topics that are not as a worker left them: each case has one answer, and the log says which."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from streams.view import read_counts
from tests.kafka.feed import Feed
from tests.kafka.fleet import CALL_TIMEOUT_S, Fleet, wait_for
from tests.kafka.history import CLICKS, IMPRESSIONS, History
from tests.kafka.play import assert_exact, feed_all, wait_read

pytestmark = pytest.mark.kafka


@pytest.fixture
def counted(make_fleet: Callable[..., Fleet]) -> tuple[Fleet, History, Feed]:
    """A worker has counted a history and left in order."""
    fleet = make_fleet(1)
    history, feed = feed_all(fleet, 3)
    fleet.start(fleet.workers[0])
    wait_read(fleet, feed)
    leave(fleet)
    assert_exact(fleet, history, feed)
    return fleet, history, feed


def test_corrupt_database_is_set_aside_and_rebuilt(counted: tuple[Fleet, History, Feed]) -> None:
    fleet, history, feed = counted
    state = fleet.workers[0].data_dir / "state"
    (state / "partition-1" / "CURRENT").write_bytes(b"no such manifest\n")
    restart(fleet, "partition-1", "could not be opened", "set aside", "rebuilt from the changelog")
    leave(fleet)
    assert len(list(state.glob("partition-1.broken-*"))) == 1
    assert_exact(fleet, history, feed)


def test_source_made_again_is_read_from_its_start_and_counts_are_kept(counted: tuple[Fleet, History, Feed]) -> None:
    fleet, history, feed = counted
    topic = fleet.names.impressions
    admin = AdminClient({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    admin.delete_topics([topic])[topic].result(CALL_TIMEOUT_S)
    wait_for("the topic to go", lambda: topic not in admin.list_topics(timeout=CALL_TIMEOUT_S).topics)
    admin.create_topics([NewTopic(topic, 4, 1)])[topic].result(CALL_TIMEOUT_S)
    more, more_feed = feed_all(fleet, 4)
    restart(fleet, topic, "was deleted and made again", "counts are kept")
    ends = {**more_feed.ends, **{place: end for place, end in more_feed.ends.items() if place[0] == topic}}
    wait_for("the new topic to be read", lambda: fleet.committed(list(ends)) == ends)
    before, after = sum(row[0] for row in history.expected.values()), sum(row[0] for row in more.expected.values())
    assert before < impressions(fleet) <= before + after  # slates of both histories share ids: some are duplicates
    del feed


def test_deleted_records_are_skipped_and_said(counted: tuple[Fleet, History, Feed]) -> None:
    fleet, history, _feed = counted
    _more, more_feed = feed_all(fleet, 5)
    cut = {place: end for place, end in more_feed.ends.items() if place[0].endswith((IMPRESSIONS, CLICKS))}
    admin = AdminClient({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    for future in admin.delete_records([TopicPartition(topic, n, end) for (topic, n), end in cut.items()]).values():
        future.result(CALL_TIMEOUT_S)
    restart(fleet, "records were deleted unread", "raise its retention")
    last, last_feed = feed_all(fleet, 6)
    wait_read(fleet, last_feed)
    leave(fleet)
    assert impressions(fleet) >= sum(row[0] for row in history.expected.values())
    assert last.expected


def test_deleted_changelog_starts_the_state_again_from_what_the_sources_hold(counted: tuple[Fleet, History, Feed]) -> None:
    fleet, history, feed = counted
    admin = AdminClient({"bootstrap.servers": fleet.bootstrap, "log_level": 0})
    names = list(fleet.changelogs())
    for future in admin.delete_topics(names).values():
        future.result(CALL_TIMEOUT_S)
    wait_for("the changelogs to go", lambda: not set(names) & admin.list_topics(timeout=CALL_TIMEOUT_S).topics.keys())
    restart(fleet, "local rows dropped and read again", "another topic of that name")
    wait_for("the sources to be read again", lambda: impressions(fleet) == sum(row[0] for row in history.expected.values()))
    wait_read(fleet, feed)
    leave(fleet)


def restart(fleet: Fleet, *words: str) -> None:
    """Start the worker again; one line of its log holds all of these words."""
    fleet.start(fleet.workers[0])

    def said() -> bool:
        return any(all(word in line for word in words) for line in fleet.workers[0].text().splitlines())

    wait_for(f"the log to say {words}", said)
    wait_for("the worker to be ready", lambda: fleet.workers[0].text().count("Resuming flow") >= 2)


def leave(fleet: Fleet) -> None:
    """SIGTERM; the worker ends with 0."""
    fleet.workers[0].signal(signal.SIGTERM)
    wait_for("the worker to leave", lambda: fleet.workers[0].status is not None)
    assert fleet.workers[0].status == 0


def impressions(fleet: Fleet) -> int:
    """Impressions in `stats export`."""
    return sum(row["impressions"] for row in read_counts(fleet.settings))
