"""Readers: chunks of one partition each, without gaps, from the positions that were given; what an
earlier session read is dropped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise

import pytest
from confluent_kafka import KafkaException
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import Click, encode
from streams.counting import position_tracker as reader_module
from streams.counting.chunk import Chunk
from streams.counting.codec import ConsumerError
from streams.counting.consumer import ConsumerConfig, by_place
from streams.counting.consumer_process import ConsumerProcess
from streams.counting.position_tracker import PositionTracker
from tests.streams import making
from tests.streams.making import RULES
from tests.streams.topics_on import make_topic, produce


@given(st.lists(st.tuples(st.sampled_from(["t", "u"]), st.integers(0, 2))))
def test_records_are_split_by_place_in_their_order(places: list[tuple[str, int]]) -> None:
    records = [
        making.record(b"", b"", topic, partition, offset)
        for offset, (topic, partition) in enumerate(places)
    ]
    found = by_place(list(records))
    assert found.keys() == set(places)
    for place, own in found.items():
        assert own == [
            record for record in records if (record.topic(), record.partition()) == place
        ]


local = pytest.mark.local
Read = Callable[[int], Awaitable[list[Chunk]]]


def value(number: int) -> bytes:
    return encode(Click("s", "u", str(number), 1e9))


def with_reader(bootstrap: str, body: Callable[[PositionTracker, Read], Awaitable[None]]) -> None:
    reading = ConsumerConfig({"bootstrap.servers": bootstrap}, 50, 10_000, 1000, RULES)

    async def run() -> None:
        made = ConsumerProcess(reading, pytest.fail)
        made.start()
        reader = PositionTracker(made)

        async def read(count: int) -> list[Chunk]:
            """Chunks with `count` clicks in all."""
            chunks: list[Chunk] = []
            while sum(len(chunk.events) for chunk in chunks) < count:
                chunks += await reader.read()
            return chunks

        try:
            await asyncio.wait_for(body(reader, read), 30)
        finally:
            await reader.close()

    asyncio.run(run())


def numbers(chunks: list[Chunk]) -> list[int]:
    return [int(event.item_id) for chunk in chunks for event in chunk.events]


@local
def test_chunks_are_bounded_follow_each_other_without_a_gap_and_carry_their_session(
    local_broker: str,
) -> None:
    topic = make_topic(local_broker, partitions=2)
    produce(local_broker, topic, [(number % 2, b"k", value(number)) for number in range(300)])

    async def body(reader: PositionTracker, read: Read) -> None:
        await reader.assign(4, {topic: "clicks"}, {(topic, 0): 0, (topic, 1): 10}, {}, {})
        chunks = await read(290)
        assert {(chunk.source, chunk.topic, chunk.session) for chunk in chunks} == {
            ("clicks", topic, 4)
        }
        assert max(len(chunk.events) for chunk in chunks) <= 50
        for number, start in ((0, 0), (1, 10)):
            own = [chunk for chunk in chunks if chunk.partition == number]
            assert (own[0].start, own[-1].end) == (start, 150)
            assert all(before.end == after.start for before, after in pairwise(own))
            assert numbers(own) == [2 * offset + number for offset in range(start, 150)]
            assert reader.reached(topic, number, 150)
            assert not reader.reached(topic, number, 151)

    with_reader(local_broker, body)


@local
def test_a_new_session_starts_at_its_own_positions_and_drops_what_the_old_one_read(
    local_broker: str,
) -> None:
    topic = make_topic(local_broker)
    produce(local_broker, topic, [(0, b"k", value(number)) for number in range(20)])

    async def body(reader: PositionTracker, read: Read) -> None:
        await reader.assign(1, {topic: "clicks"}, {(topic, 0): 0}, {}, {})
        await read(20)
        reading = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        await reader.assign(2, {topic: "clicks"}, {(topic, 0): 15}, {}, {})
        assert await reading == []
        chunks = await read(5)
        assert (chunks[0].start, chunks[-1].end, chunks[0].session) == (15, 20, 2)

    with_reader(local_broker, body)


@local
def test_behind_names_topics_until_what_was_read_is_applied_too(
    local_broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    topic = make_topic(local_broker)
    produce(local_broker, topic, [(0, b"k", value(1))] * 5)

    async def body(reader: PositionTracker, read: Read) -> None:
        assert reader.behind(0, {topic: 0}, {topic: 5}) == [topic]  # reading has not begun
        await reader.assign(1, {topic: "clicks"}, {(topic, 0): 0}, {}, {})
        await read(5)
        assert reader.behind(0, {topic: 3}, {topic: 5}) == [topic]  # read, and waits in a queue
        assert reader.behind(0, {topic: 5}, {topic: 5}) == []
        monkeypatch.setattr(reader_module, "SILENCE_S", -1.0)
        # who knows what came since the last answer
        assert reader.behind(0, {topic: 5}, {topic: 5}) == [topic]

    with_reader(local_broker, body)


@local
def test_records_can_be_asked_for_while_their_chunk_lives_also_in_the_midst_of_reading(
    local_broker: str,
) -> None:
    topic = make_topic(local_broker)
    produce(
        local_broker,
        topic,
        [(0, b"k%d" % number, value(number) if number != 3 else b"{") for number in range(60)],
    )

    async def body(reader: PositionTracker, read: Read) -> None:
        await reader.assign(1, {topic: "clicks"}, {(topic, 0): 0}, {}, {})
        first, *_ = chunks = await read(59)
        reading = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        assert first.original(4) == (5, b"k5", value(5))  # the fifth of the good ones
        assert [(each.original.offset, each.original.value) for each in first.refused] == [
            (3, b"{")
        ]
        assert chunks[-1].original(len(chunks[-1].events) - 1) == (59, b"k59", value(59))
        assert await reading == []

    with_reader(local_broker, body)


@pytest.mark.kafka  # the embedded broker does not say that there is no such offset
def test_what_fails_for_good_reaches_the_reader(kafka: str) -> None:
    topic = make_topic(kafka)
    produce(kafka, topic, [(0, b"k", value(1))])

    async def body(reader: PositionTracker, read: Read) -> None:
        await reader.assign(1, {topic: "clicks"}, {(topic, 0): 1000}, {}, {})  # beyond the end
        with pytest.raises((KafkaException, ConsumerError), match="_AUTO_OFFSET_RESET"):
            await read(1)

    with_reader(kafka, body)
