"""Readers: chunks of one partition each, without gaps, from the positions that were given; what an earlier session read is dropped."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.chunk import Chunk
from streams.reader import Reader, by_place

from . import making
from .topics_on import make_topic, produce


@given(st.lists(st.tuples(st.sampled_from(["t", "u"]), st.integers(0, 2))))
def test_records_are_split_by_place_in_their_order(places: list[tuple[str, int]]) -> None:
    records = [making.record(b"", b"", topic, partition, offset) for offset, (topic, partition) in enumerate(places)]
    found = by_place(list(records))
    assert found.keys() == set(places)
    for place, own in found.items():
        assert own == [record for record in records if (record.topic(), record.partition()) == place]


local = pytest.mark.local
Read = Callable[[int], Awaitable[list[Chunk]]]


def with_reader(bootstrap: str, body: Callable[[Reader, Read], Awaitable[None]], prompt: bool = False, size: int = 50) -> None:
    async def run() -> None:
        reader = Reader({"bootstrap.servers": bootstrap}, "test", size, prompt, 10_000)

        async def read(count: int) -> list[Chunk]:
            """Chunks with `count` records in all."""
            chunks: list[Chunk] = []
            while sum(len(chunk.records) for chunk in chunks) < count:
                chunks += await reader.read()
            return chunks

        try:
            await asyncio.wait_for(body(reader, read), 30)
        finally:
            await reader.close()

    asyncio.run(run())


def values(chunks: list[Chunk]) -> Iterator[Any]:
    for chunk in chunks:
        for record in chunk.records:
            yield record.value()


@local
@pytest.mark.parametrize("prompt", [False, True])
def test_chunks_are_bounded_follow_each_other_without_a_gap_and_carry_their_session(local_broker: str, prompt: bool) -> None:
    topic = make_topic(local_broker, partitions=2)
    produce(local_broker, topic, [(number % 2, b"k", b"%d" % number) for number in range(300)])

    async def body(reader: Reader, read: Read) -> None:
        await reader.assign(4, {topic: "clicks"}, {(topic, 0): 0, (topic, 1): 10})
        chunks = await read(290)
        assert {(chunk.source, chunk.topic, chunk.session) for chunk in chunks} == {("clicks", topic, 4)}
        assert max(len(chunk.records) for chunk in chunks) <= 50
        for number, start in ((0, 0), (1, 10)):
            own = [chunk for chunk in chunks if chunk.partition == number]
            assert (own[0].start, own[-1].end) == (start, 150)
            assert all(before.end == after.start for before, after in pairwise(own))
            assert list(values(own)) == [b"%d" % (2 * offset + number) for offset in range(start, 150)]
            assert reader.reached(topic, number, 150)
            assert not reader.reached(topic, number, 151)

    with_reader(local_broker, body, prompt)


@local
def test_a_new_session_starts_at_its_own_positions_and_drops_what_the_old_one_read(local_broker: str) -> None:
    topic = make_topic(local_broker)
    produce(local_broker, topic, [(0, b"k", b"%d" % number) for number in range(20)])

    async def body(reader: Reader, read: Read) -> None:
        await reader.assign(1, {topic: "clicks"}, {(topic, 0): 0})
        await read(20)
        reading = asyncio.create_task(reader.read())
        await asyncio.sleep(0)
        await reader.assign(2, {topic: "clicks"}, {(topic, 0): 15})
        assert await reading == []
        chunks = await read(5)
        assert (chunks[0].start, chunks[-1].end, chunks[0].session) == (15, 20, 2)

    with_reader(local_broker, body)


@local
def test_behind_names_topics_until_what_was_read_is_applied_too(local_broker: str) -> None:
    topic = make_topic(local_broker)
    produce(local_broker, topic, [(0, b"k", b"x")] * 5)

    async def body(reader: Reader, read: Read) -> None:
        assert reader.behind(0, {topic: 0}, {topic: 5}) == [topic]  # reading has not begun
        await reader.assign(1, {topic: "clicks"}, {(topic, 0): 0})
        await read(5)
        assert reader.behind(0, {topic: 3}, {topic: 5}) == [topic]  # read, and waits in a queue
        assert reader.behind(0, {topic: 5}, {topic: 5}) == []

    with_reader(local_broker, body)


@local
def test_a_prompt_reader_does_not_hold_a_single_record_back(local_broker: str) -> None:
    """`consume(n, t)` alone would wait the whole t for more."""
    topic = make_topic(local_broker)

    async def body(reader: Reader, read: Read) -> None:
        await reader.assign(1, {topic: "slate-requests"}, {(topic, 0): 0})
        reading = asyncio.create_task(read(1))
        await asyncio.sleep(0.3)
        await asyncio.get_running_loop().run_in_executor(None, produce, local_broker, topic, [(0, b"k", b"one")])
        assert list(values(await reading)) == [b"one"]

    with_reader(local_broker, body, prompt=True)
