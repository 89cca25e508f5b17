"""The transport: chunks flow only for the generation whose state is restored; other topics and
other apps keep Faust's own ways.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.counting.chunk import Chunk
from streams.worker.transport import Consumer, Lane, Transport
from tests.streams.making import chunk_of

CHUNKED, PLAIN = TP("impressions", 0), TP("orders", 0)


class Reader:
    """Gives the chunks it was made with, then nothing."""

    topics = frozenset({CHUNKED.topic})

    def __init__(self, *chunks: Chunk) -> None:
        self.chunks = list(chunks)

    async def read(self) -> list[Chunk]:
        await asyncio.sleep(0 if self.chunks else 0.005)
        return [self.chunks.pop(0)] if self.chunks else []


class Flow:
    """The engine as the transport sees it, ready for generation 3."""

    topics = frozenset({CHUNKED.topic})

    def __init__(self, reader: Reader) -> None:
        self.lane = Lane(reader, lambda in_flight: in_flight < 2)  # type: ignore[arg-type]
        self.generation = 3
        self.begun = 0
        self.log: list[str] = []

    def ready(self, generation: int) -> bool:
        return generation == self.generation

    async def begin(self, _assignment: Iterable[TP]) -> list[Lane]:
        self.begun += 1
        return [self.lane]

    def hand_out(self, chunk: Chunk) -> None:
        self.log.append(f"out {chunk.start}")

    async def before_revocation(self) -> None:
        self.log.append("flush")

    async def close(self) -> None:
        self.log.append("close")


def consumer(flow: Flow | None, *assigned: TP) -> Any:
    """A consumer with what its own methods use, and without a connection."""
    made: Any = Consumer.__new__(Consumer)
    made.app = SimpleNamespace(consumer_generation_id=3, flow_control=None)
    made._flow = flow
    made.chunk_topics = flow.topics if flow is not None else frozenset()
    made._lanes, made._lane_of, made._plain = None, {}, None
    made._read_offset = {CHUNKED: 99}
    made.flow_active = True
    made.assignment = lambda: set(assigned)
    return made


async def some(made: Any, rounds: int = 20) -> list[tuple[TP, Any]]:
    return [pair for _ in range(rounds) async for pair in made.getmany(0.01)]


@pytest.fixture(autouse=True)
def plain_messages(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What aiokafka's own fetching gives."""
    waiting: list[Any] = []

    async def getmany(_self: Any, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        await asyncio.sleep(min(timeout, 0.001))
        while waiting:
            yield PLAIN, waiting.pop(0)

    monkeypatch.setattr(driver.Consumer, "getmany", getmany)
    return waiting


def chunks(count: int) -> list[Chunk]:
    return [chunk_of([b"{}"] * 10, start=10 * number) for number in range(count)]


def test_the_scheme_is_registered_and_brings_this_consumer() -> None:
    (entry,) = entry_points(group="faust.transports", name="chunks")
    assert entry.load() is Transport
    assert Transport.Consumer is Consumer


def test_a_chunk_is_one_message_and_no_more_are_read_than_agents_finish() -> None:
    flow = Flow(Reader(*chunks(5)))
    made = consumer(flow, CHUNKED)

    async def run() -> None:
        first = await some(made)
        assert [message.value.start for _tp, message in first] == [0, 10]
        assert {(tp, message.topic, message.generation_id) for tp, message in first} == {
            (CHUNKED, "impressions", 3)
        }
        assert made._read_offset[CHUNKED] is None  # or Faust would drop what it takes for old
        made.finished(CHUNKED.topic)
        assert [message.value.start for _tp, message in await some(made)] == [20]

    asyncio.run(run())
    assert flow.begun == 1


def test_nothing_flows_before_the_state_is_restored_for_the_generation() -> None:
    flow = Flow(Reader(*chunks(1)))
    flow.generation = 2
    made = consumer(flow, CHUNKED)

    async def run() -> None:
        assert await some(made, 3) == []
        flow.generation = 3
        assert len(await some(made)) == 1

    asyncio.run(run())


def test_a_flow_that_stops_ends_the_session_and_the_next_one_begins_anew() -> None:
    flow = Flow(Reader(*chunks(3)))
    made = consumer(flow, CHUNKED)

    async def run() -> None:
        assert len(await some(made)) == 2
        made.flow_active = False
        assert await some(made, 3) == []
        made.flow_active = True
        flow.lane.in_flight = 0
        assert len(await some(made)) == 1

    asyncio.run(run())
    assert flow.begun == 2


def test_plain_topics_come_through_beside_chunks_and_those_of_an_old_generation_do_not(
    plain_messages: list[Any],
) -> None:
    current, old = SimpleNamespace(generation_id=3), SimpleNamespace(generation_id=2)
    plain_messages += [current, old]
    found = asyncio.run(some(consumer(Flow(Reader(*chunks(1))), CHUNKED, PLAIN)))
    assert [message for tp, message in found if tp == PLAIN] == [current]
    assert sum(tp == CHUNKED for tp, _message in found) == 1


def test_an_app_without_a_chunk_flow_gets_what_faust_gives(plain_messages: list[Any]) -> None:
    message = SimpleNamespace(generation_id=1)
    plain_messages.append(message)
    assert asyncio.run(some(consumer(None, PLAIN), 1)) == [(PLAIN, message)]


def test_revocation_flushes_while_the_generation_still_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    flow = Flow(Reader())
    made = consumer(flow, CHUNKED)

    async def revoked(_self: Any, _revoked: set[TP]) -> None:
        flow.log.append("let go")

    monkeypatch.setattr(driver.Consumer, "on_partitions_revoked", revoked)
    monkeypatch.setattr(driver.Consumer, "stop_flow", lambda _self: flow.log.append("stop"))
    asyncio.run(made.on_partitions_revoked({CHUNKED}))
    assert flow.log == ["stop", "flush", "let go"]


def test_nothing_of_a_chunked_topic_is_committed_by_faust(monkeypatch: pytest.MonkeyPatch) -> None:
    made = consumer(Flow(Reader()), CHUNKED, PLAIN)
    made._acked, made._acked_index = (
        defaultdict(list, {CHUNKED: [1, 2]}),
        defaultdict(set, {CHUNKED: {1, 2}}),
    )
    monkeypatch.setattr(driver.Consumer, "_new_offset", lambda _self, _tp: 5)
    assert (made._new_offset(CHUNKED), made._new_offset(PLAIN)) == (None, 5)
    assert (made._acked[CHUNKED], made._acked_index[CHUNKED]) == ([], set())
