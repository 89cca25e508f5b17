"""Synchroniser: clicks wait for the impressions of their time, for no longer than that helps, and
nothing is lost or turned round.
"""

from __future__ import annotations

import pytest
from confluent_kafka import Message, Producer
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import Click, Impression, encode
from streams.counting import synchronise as synchronise_module
from streams.counting.chunk import Chunk
from streams.counting.consumer import ChunkConsumer, ConsumerConfig
from streams.counting.synchronise import LONGEST_S, PATIENCE_S, Synchroniser
from tests.streams.making import AT_MS, RULES, record, seen_items
from tests.streams.topics_on import make_topic

IMPRESSIONS, CLICKS = ("impressions", 0), ("clicks", 0)


def at(place: tuple[str, int], *times_ms: int) -> list[Message]:
    return [
        record(b"%d" % time_ms, b"k", *place, offset, AT_MS + time_ms)
        for offset, time_ms in enumerate(times_ms)
    ]


def times(found: dict[tuple[str, int], list[Message]]) -> dict[tuple[str, int], list[int]]:
    return {place: [each.timestamp()[1] - AT_MS for each in own] for place, own in found.items()}


@pytest.fixture
def following() -> Synchroniser:
    return Synchroniser({"clicks": "impressions"}, 100)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [1000.0]
    monkeypatch.setattr(synchronise_module.time, "monotonic", lambda: now[0])
    return now


def test_clicks_wait_until_impressions_have_come_to_their_time(following: Synchroniser) -> None:
    assert following.ready({CLICKS: at(CLICKS, 5, 20)}, {}, {}) == {}
    assert list(following.held) == [CLICKS]
    found = following.ready({CLICKS: at(CLICKS, 30), IMPRESSIONS: at(IMPRESSIONS, 1, 20)}, {}, {})
    assert times(found) == {IMPRESSIONS: [1, 20], CLICKS: [5, 20]}
    assert list(found) == [IMPRESSIONS, CLICKS]  # impressions are counted first
    assert times(following.ready({IMPRESSIONS: at(IMPRESSIONS, 31)}, {}, {})) == {
        IMPRESSIONS: [31],
        CLICKS: [30],
    }
    assert following.held == {}


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
def test_nothing_waits_for_impressions_that_are_all_read(
    following: Synchroniser, end: int, reached: int, free: bool
) -> None:
    found = following.ready({CLICKS: at(CLICKS, 5)}, {IMPRESSIONS: reached}, {IMPRESSIONS: end})
    assert (CLICKS in found) == free


def test_nothing_waits_for_long_for_impressions_that_do_not_come(
    following: Synchroniser, clock: list[float]
) -> None:
    assert following.ready({CLICKS: at(CLICKS, 5)}, {}, {}) == {}
    clock[0] += PATIENCE_S
    # they do come
    assert following.ready({IMPRESSIONS: at(IMPRESSIONS, 1)}, {}, {}).keys() == {IMPRESSIONS}
    clock[0] += PATIENCE_S
    assert following.ready({}, {}, {}) == {}
    clock[0] += 0.1
    assert times(following.ready({}, {}, {})) == {CLICKS: [5]}


def test_a_click_of_the_future_keeps_no_other_back_for_long(
    following: Synchroniser, clock: list[float]
) -> None:
    following.ready({CLICKS: at(CLICKS, 10**9, 5)}, {}, {})
    for second in range(int(LONGEST_S)):
        clock[0] += 1.0
        assert following.ready({IMPRESSIONS: at(IMPRESSIONS, 100 + second)}, {}, {}).keys() == {
            IMPRESSIONS
        }
    clock[0] += 1.0
    assert times(following.ready({IMPRESSIONS: at(IMPRESSIONS, 999)}, {}, {}))[CLICKS] == [10**9, 5]


def test_no_more_comes_at_once_than_a_chunk_may_have() -> None:
    following = Synchroniser({"clicks": "impressions"}, 2)
    found = following.ready({CLICKS: at(CLICKS, 1, 2, 3), IMPRESSIONS: at(IMPRESSIONS, 9)}, {}, {})
    assert times(found)[CLICKS] == [1, 2]
    assert times(following.ready({}, {}, {})) == {CLICKS: [3]}


def test_topics_that_follow_none_pass_as_they_are() -> None:
    records = {CLICKS: at(CLICKS, 1), IMPRESSIONS: at(IMPRESSIONS, 9)}
    assert Synchroniser({}, 1).ready(records, {}, {}) is records


def test_a_partition_with_enough_waiting_is_paused_until_half_of_it_is_gone(
    following: Synchroniser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(synchronise_module, "MOST_HELD", 4)
    following.ready({CLICKS: at(CLICKS, 1, 2, 3, 4)}, {}, {})
    assert (following.to_pause(), following.to_resume()) == ([CLICKS], [])
    assert (following.to_pause(), following.to_resume()) == ([], [])  # said once
    following.ready({IMPRESSIONS: at(IMPRESSIONS, 2)}, {}, {})
    assert (following.to_pause(), following.to_resume()) == ([], [])
    following.ready({IMPRESSIONS: at(IMPRESSIONS, 3)}, {}, {})
    assert (following.to_pause(), following.to_resume()) == ([], [CLICKS])
    assert (following.to_pause(), following.to_resume()) == ([], [])


@given(
    st.lists(
        st.tuples(st.sampled_from(["impressions", "clicks"]), st.integers(0, 1), st.integers(0, 9)),
        max_size=40,
    ),
    st.data(),
)
def test_everything_comes_out_once_and_in_order(
    events: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    following = Synchroniser({"clicks": "impressions"}, 3)
    came: dict[tuple[str, int], list[Message]] = {}
    left = [
        record(b"", b"k", topic, number, offset, AT_MS + time_ms)
        for offset, (topic, number, time_ms) in enumerate(events)
    ]
    sent: dict[tuple[str, int], list[Message]] = {}
    for each in left:
        sent.setdefault((each.topic() or "", each.partition() or 0), []).append(each)
    ends = {("impressions", 0): 0, ("impressions", 1): 0}
    while left or following.held:
        size = data.draw(st.integers(1, 5))
        polled: dict[tuple[str, int], list[Message]] = {}
        for each in left[:size]:
            polled.setdefault((each.topic() or "", each.partition() or 0), []).append(each)
        left = left[size:]
        for place, own in following.ready(polled, ends, {} if left else ends).items():
            came.setdefault(place, []).extend(own)
    assert came == sent


def impression_value(number: int) -> bytes:
    return encode(Impression("s", "u", str(number), 0, 1e9))


def click_value(number: int) -> bytes:
    return encode(Click("s", "u", str(number), 1e9))


def numbers(chunk: Chunk) -> list[int]:
    if chunk.topic.startswith("impressions"):
        return [int(item) for _, item, _ in seen_items(chunk.events)]
    return [int(each.item_id) for each in chunk.events]


def consumer(bootstrap: str, chunk_records: int) -> ChunkConsumer:
    return ChunkConsumer(
        ConsumerConfig({"bootstrap.servers": bootstrap}, chunk_records, False, 10_000, 1000, RULES)
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
    made.assign(1, topics, {(impressions, 0): 1, (clicks, 0): 0}, {clicks: "another topic"})
    for _ in range(10):
        assert made.read().chunks == []
    made.assign(2, topics, {(impressions, 0): 0, (clicks, 0): 0}, follows)
    found = 0
    while found < 101:
        found += sum(len(numbers(chunk)) for chunk in made.read().chunks)
    made.close()
