"""Synchroniser: clicks wait for the impressions of their time, and impressions for slates, for no
longer than that helps, and nothing is lost or turned round.
"""

from __future__ import annotations

import time

import pytest
from confluent_kafka import Message, Producer
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import Click, Impression, encode
from streams.counting import synchronise as synchronise_module
from streams.counting.chunk import Chunk
from streams.counting.consumer import ChunkConsumer, ConsumerConfig
from streams.counting.synchronise import LONGEST_TURN_S, PATIENCE_S, SETTLE_S, SKEW_MS, Synchroniser
from tests.streams.making import AT_MS, RULES, record, seen_items
from tests.streams.topics_on import make_topic, produce

SLATES, IMPRESSIONS, CLICKS = ("slates", 0), ("impressions", 0), ("clicks", 0)


def at(place: tuple[str, int], *times_ms: int) -> list[Message]:
    return [
        record(b"%d" % time_ms, b"k", *place, offset, AT_MS + time_ms)
        for offset, time_ms in enumerate(times_ms)
    ]


def times(found: dict[tuple[str, int], list[Message]]) -> dict[tuple[str, int], list[int]]:
    return {place: [each.timestamp()[1] - AT_MS for each in own] for place, own in found.items()}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(synchronise_module.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def following(clock: list[float]) -> Synchroniser:
    return Synchroniser({"clicks": "impressions"}, 100, {})


def test_clicks_wait_until_impressions_have_come_beyond_their_time(
    following: Synchroniser,
) -> None:
    """Beyond, and not to it: an impression of the same millisecond may be unread."""
    assert following.ready({CLICKS: at(CLICKS, 5, 20)}, {}, {}) == {}
    assert list(following.held) == [CLICKS]
    found = following.ready({CLICKS: at(CLICKS, 30), IMPRESSIONS: at(IMPRESSIONS, 1, 20)}, {}, {})
    assert times(found) == {IMPRESSIONS: [1, 20], CLICKS: [5]}
    assert list(found) == [IMPRESSIONS, CLICKS]  # impressions are counted first
    assert times(following.ready({IMPRESSIONS: at(IMPRESSIONS, 31)}, {}, {})) == {
        IMPRESSIONS: [31],
        CLICKS: [20, 30],
    }
    assert following.held == {}


def test_clicks_wait_for_impressions_that_wait_for_slates(clock: list[float]) -> None:
    chain = Synchroniser({"clicks": "impressions", "impressions": "slates"}, 100, {})
    polled = {CLICKS: at(CLICKS, 7), IMPRESSIONS: at(IMPRESSIONS, 5, 9)}
    ends = {IMPRESSIONS: (2, 0.0), SLATES: (9, 0.0)}
    assert chain.ready(polled, {IMPRESSIONS: 2}, ends) == {}
    clock[0] += SETTLE_S + 0.01
    # the impressions are read to their end, and not handed out
    assert chain.ready({}, {IMPRESSIONS: 2}, ends) == {}
    found = chain.ready({SLATES: at(SLATES, 8)}, {IMPRESSIONS: 2}, ends)
    assert times(found) == {SLATES: [8], IMPRESSIONS: [5]}
    found = chain.ready({SLATES: at(SLATES, 10)}, {IMPRESSIONS: 2}, ends)
    assert times(found) == {SLATES: [10], IMPRESSIONS: [9], CLICKS: [7]}


def test_topics_that_follow_each_other_in_a_circle_are_refused() -> None:
    with pytest.raises(ValueError, match="found a circle"):
        Synchroniser({"a": "b", "b": "a"}, 100, {})


def test_partitions_wait_for_their_own_impressions_only(following: Synchroniser) -> None:
    other = ("clicks", 1)
    found = following.ready(
        {CLICKS: at(CLICKS, 5), other: at(other, 5), IMPRESSIONS: at(IMPRESSIONS, 9)}, {}, {}
    )
    assert set(found) == {IMPRESSIONS, CLICKS}
    assert list(following.held) == [other]


@pytest.mark.parametrize(
    ("end", "reached", "free"), [(7, 7, True), (0, 0, True), (7, 6, False), (-1, 7, False)]
)
def test_nothing_waits_for_impressions_that_are_all_read_for_longer_than_the_brokers_answer_takes(
    following: Synchroniser, clock: list[float], end: int, reached: int, free: bool
) -> None:
    ends = {IMPRESSIONS: (end, 0.0)}
    assert following.ready({CLICKS: at(CLICKS, 5)}, {IMPRESSIONS: reached}, ends) == {}
    clock[0] += SETTLE_S + 0.01
    found = following.ready({}, {IMPRESSIONS: reached}, ends)
    assert (CLICKS in found) == free


def test_an_end_that_was_asked_for_before_a_record_came_says_nothing_of_it(
    following: Synchroniser, clock: list[float]
) -> None:
    """What was read to its end then may have had an impression since, at a broker that is away."""
    clock[0] += 0.1
    asked = {IMPRESSIONS: (7, 0.05)}
    assert following.ready({CLICKS: at(CLICKS, 5)}, {IMPRESSIONS: 7}, asked) == {}
    assert following.wanted(asked) == [IMPRESSIONS]
    clock[0] += 0.4
    assert following.ready({}, {IMPRESSIONS: 7}, asked) == {}
    asked = {IMPRESSIONS: (8, following.now_s)}
    assert following.wanted(asked) == []
    assert following.ready({}, {IMPRESSIONS: 7}, asked) == {}
    found = following.ready({IMPRESSIONS: at(IMPRESSIONS, 3)}, {IMPRESSIONS: 8}, asked)
    assert times(found) == {IMPRESSIONS: [3], CLICKS: [5]}


def test_ends_are_wanted_of_leaders_that_do_not_wait_themselves(clock: list[float]) -> None:
    chain = Synchroniser({"clicks": "impressions", "impressions": "slates"}, 100, {})
    clock[0] += 0.1
    chain.ready({CLICKS: at(CLICKS, 7), IMPRESSIONS: at(IMPRESSIONS, 5)}, {}, {})
    assert chain.wanted({}) == [SLATES]


def test_an_old_log_does_not_wait_where_impressions_are_read_to_their_measured_end() -> None:
    following = Synchroniser(
        {"clicks": "impressions"}, 100, {IMPRESSIONS: (7, AT_MS + SKEW_MS + 10)}
    )
    assert following.ready({CLICKS: at(CLICKS, 5, 20)}, {IMPRESSIONS: 6}, {}) == {}
    found = following.ready({}, {IMPRESSIONS: 7}, {})
    assert times(found) == {CLICKS: [5]}  # what is newer than the measurement waits


def test_nothing_waits_for_long_for_impressions_that_do_not_come(
    following: Synchroniser, clock: list[float]
) -> None:
    assert following.ready({CLICKS: at(CLICKS, 5)}, {}, {}) == {}
    for _ in range(int(PATIENCE_S / LONGEST_TURN_S)):
        clock[0] += LONGEST_TURN_S
        assert following.ready({}, {}, {}) == {}
    clock[0] += 0.1
    assert times(following.ready({}, {}, {})) == {CLICKS: [5]}


def test_a_process_that_was_stopped_has_not_waited(
    following: Synchroniser, clock: list[float]
) -> None:
    following.ready({CLICKS: at(CLICKS, 5)}, {}, {})
    clock[0] += 10 * PATIENCE_S
    assert following.ready({}, {}, {}) == {}


def test_no_more_comes_at_once_than_a_chunk_may_have() -> None:
    following = Synchroniser({"clicks": "impressions"}, 2, {})
    found = following.ready({CLICKS: at(CLICKS, 1, 2, 3), IMPRESSIONS: at(IMPRESSIONS, 9)}, {}, {})
    assert times(found)[CLICKS] == [1, 2]
    assert times(following.ready({}, {}, {})) == {CLICKS: [3]}


def test_topics_that_follow_none_pass_as_they_are() -> None:
    records = {CLICKS: at(CLICKS, 1), IMPRESSIONS: at(IMPRESSIONS, 9)}
    assert Synchroniser({}, 1, {}).ready(records, {}, {}) is records


def test_a_partition_with_enough_waiting_is_paused_until_half_of_it_is_gone(
    following: Synchroniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synchronise_module, "MOST_HELD", 4)
    following.ready({CLICKS: at(CLICKS, 1, 2, 3, 4)}, {}, {})
    assert (following.to_pause(), following.to_resume()) == ([CLICKS], [])
    assert (following.to_pause(), following.to_resume()) == ([], [])  # said once
    following.ready({IMPRESSIONS: at(IMPRESSIONS, 3)}, {}, {})
    assert (following.to_pause(), following.to_resume()) == ([], [])
    following.ready({IMPRESSIONS: at(IMPRESSIONS, 4)}, {}, {})
    assert (following.to_pause(), following.to_resume()) == ([], [CLICKS])
    assert (following.to_pause(), following.to_resume()) == ([], [])


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["slates", "impressions", "clicks"]),
            st.integers(0, 1),
            st.integers(0, 9),
        ),
        max_size=40,
    ),
    st.data(),
)
def test_everything_comes_out_once_and_in_order(
    events: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    following = Synchroniser({"clicks": "impressions", "impressions": "slates"}, 3, {})
    came: dict[tuple[str, int], list[Message]] = {}
    left = [
        record(b"", b"k", topic, number, offset, AT_MS + time_ms)
        for offset, (topic, number, time_ms) in enumerate(events)
    ]
    sent: dict[tuple[str, int], list[Message]] = {}
    for each in left:
        sent.setdefault((each.topic() or "", each.partition() or 0), []).append(each)
    places = [(topic, number) for topic in ("slates", "impressions") for number in (0, 1)]
    while left or following.held:
        following._now_s += 2 * SETTLE_S
        size = data.draw(st.integers(1, 5))
        polled: dict[tuple[str, int], list[Message]] = {}
        for each in left[:size]:
            polled.setdefault((each.topic() or "", each.partition() or 0), []).append(each)
        left = left[size:]
        for place, own in following.ready(
            polled,
            {} if left else dict.fromkeys(places, 99),
            {} if left else dict.fromkeys(places, (0, following.now_s)),
        ).items():
            came.setdefault(place, []).extend(own)
    assert came == sent


def impression_value(number: int) -> bytes:
    return encode(Impression("s", "u", 1e9, str(number), 0))


def click_value(number: int) -> bytes:
    return encode(Click("s", "u", str(number), 1e9))


def numbers(chunk: Chunk) -> list[int]:
    if chunk.topic.startswith("impressions"):
        return [int(item) for _, item, _ in seen_items(chunk.events)]
    return [int(each.item_id) for each in chunk.events]


def consumer(bootstrap: str, chunk_records: int) -> ChunkConsumer:
    return ChunkConsumer(
        ConsumerConfig({"bootstrap.servers": bootstrap}, chunk_records, 10_000, 1000, RULES)
    )


@pytest.mark.local
def test_an_old_log_is_read_in_the_order_of_time_across_topics(
    local_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Clicks far ahead of their impressions are held, paused at a few, fetched again, and none is
    lost.
    """
    monkeypatch.setattr(synchronise_module, "MOST_HELD", 20)
    impressions, clicks = (
        make_topic(local_broker, "impressions"),
        make_topic(local_broker, "clicks"),
    )
    producer = Producer({"bootstrap.servers": local_broker})
    for number in range(1000):
        producer.produce(impressions, impression_value(number), b"k", 0, timestamp=AT_MS + number)
        if number % 5 == 0:
            producer.produce(clicks, click_value(number), b"k", 0, timestamp=AT_MS + number)
    assert producer.flush(20) == 0

    made = consumer(local_broker, 50)
    chunks: list[Chunk] = []
    made.assign(
        1,
        {impressions: "impressions", clicks: "clicks"},
        {(impressions, 0): 0, (clicks, 0): 0},
        {clicks: impressions},
        {(impressions, 0): (1000, AT_MS + SKEW_MS + 2000)},
    )
    while sum(len(numbers(chunk)) for chunk in chunks) < 1200:
        consumed = made.read()
        chunks += consumed.chunks
        # what is held has not been read, from the store's point of view
        assert consumed.reached[clicks, 0] <= 200
        assert all(
            consumed.reached[clicks, 0] == chunk.end
            for chunk in consumed.chunks
            if chunk.topic == clicks and chunk.end < 200
        )
    made.close()

    seen_until = -1
    for chunk in chunks:
        if chunk.topic == impressions:
            seen_until = numbers(chunk)[-1]
        else:
            assert numbers(chunk)[-1] <= seen_until
    for topic, step in ((impressions, 1), (clicks, 5)):
        assert [
            number for chunk in chunks if chunk.topic == topic for number in numbers(chunk)
        ] == list(range(0, 1000, step))


@pytest.mark.local
def test_what_was_paused_flows_in_the_next_session(
    local_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rebalance comes while clicks are held and paused."""
    monkeypatch.setattr(synchronise_module, "MOST_HELD", 20)
    impressions, clicks = (
        make_topic(local_broker, "impressions"),
        make_topic(local_broker, "clicks"),
    )
    producer = Producer({"bootstrap.servers": local_broker, "batch.num.messages": 1})
    producer.produce(impressions, impression_value(0), b"k", 0, timestamp=AT_MS)
    for number in range(100):
        producer.produce(clicks, click_value(number), b"k", 0, timestamp=AT_MS + 1 + number)
    assert producer.flush(20) == 0

    made = consumer(local_broker, 30)
    topics, follows = {impressions: "impressions", clicks: "clicks"}, {clicks: impressions}
    made.assign(1, topics, {(impressions, 0): 1, (clicks, 0): 0}, {clicks: "another topic"}, {})
    for _ in range(10):
        assert made.read().chunks == []
    made.assign(2, topics, {(impressions, 0): 0, (clicks, 0): 0}, follows, {})
    found = 0
    while found < 101:
        found += sum(len(numbers(chunk)) for chunk in made.read().chunks)
    made.close()


@pytest.mark.local
def test_nothing_waits_for_a_topic_that_has_no_records(local_broker: str) -> None:
    """Slates of this project's own, for users who make theirs themselves."""
    slates, impressions = (
        make_topic(local_broker, "slates"),
        make_topic(local_broker, "impressions"),
    )
    produce(local_broker, impressions, [(0, b"k", impression_value(number)) for number in range(9)])
    made = consumer(local_broker, 50)
    made.assign(
        1,
        {impressions: "impressions", slates: "slates"},
        {(impressions, 0): 0, (slates, 0): 0},
        {impressions: slates},
        {},
    )
    began_s, found = time.monotonic(), 0
    while found < 9:
        found += sum(len(numbers(chunk)) for chunk in made.read().chunks)
    made.close()
    assert time.monotonic() - began_s < PATIENCE_S / 2
