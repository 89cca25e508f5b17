"""Transport `chunks://`: Faust keeps the group over aiokafka, librdkafka reads the records.

Membership, assignment and heartbeats stay Faust's. For the topics that the app's `chunk_flow`
names, aiokafka's fetching is paused at assignment and readers are assigned the same partitions at
the positions of the store; all records of one partition from one poll travel through Faust as one
message whose value is a `Chunk`. Other topics behave as ever, and so does an app without
`chunk_flow`.

Faust's gap tracking and per-message acknowledgement are off for chunks (a third of the CPU):
nothing but the flush commits.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Protocol

from confluent_kafka import TIMESTAMP_CREATE_TIME, KafkaException
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.counting.chunk import Chunk
from streams.counting.codec import ConsumerError
from streams.counting.position_tracker import PositionTracker
from streams.worker.ending import end_process
from streams.worker.static_member import StaticMember

IDLE_S = 0.02  # between looks at a flow that is closed


class ChunkFlow(Protocol):
    """What the transport asks of the app: which topics come in chunks, from where, and whether they
    may flow.
    """

    topics: frozenset[str]

    def ready(self, generation: int) -> bool:
        """Whether the state is restored for this generation."""

    async def begin(self, assignment: Iterable[TP]) -> list["Lane"]:
        """Start a session: readers at the store's positions."""

    def hand_out(self, chunk: Chunk) -> None:
        """A chunk is on its way to its agent."""

    def heartbeat(self) -> None:
        """The group's coordinator has answered."""

    def fenced(self) -> None:
        """Another worker has our name."""

    async def before_revocation(self) -> None:
        """Make durable what was counted, while the group still accepts this generation."""

    async def close(self) -> None:
        """The worker stops."""


class Lane:
    """A reader in a session.

    `may_read` says whether it may go on, given how many of its chunks agents have not finished and
    how many reads are under way; at most `ahead` of these, so that the reader need not wait for the
    event loop, nor the loop for it.
    """

    def __init__(
        self, reader: PositionTracker, may_read: Callable[[int], bool], ahead: int = 2
    ) -> None:
        self.reader = reader
        self.may_read = may_read
        self.ahead = ahead
        self.in_flight = 0
        # reads under way, which end in this order
        self.pending: deque[asyncio.Future[list[Chunk]]] = deque()

    def start_reading(self) -> None:
        """Keep the reader's thread at work while agents count what has come."""
        while len(self.pending) < self.ahead and self.may_read(self.in_flight + len(self.pending)):
            self.pending.append(asyncio.ensure_future(self.reader.read()))

    def take(self) -> list[Chunk]:
        """What has been read."""
        chunks: list[Chunk] = []
        while self.pending and self.pending[0].done():
            try:
                chunks += self.pending.popleft().result()
            except (KafkaException, ConsumerError) as error:
                end_process(f"records cannot be read: {error}")
        self.in_flight += len(chunks)
        self.start_reading()
        return chunks


class RebalanceListener(driver.ConsumerRebalanceListener):
    """Pauses aiokafka's own fetching of chunked topics before it sends its first fetch for them."""

    async def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
        """Call when partitions are being assigned."""
        owner = self._thread
        chunked = [tp for tp in assigned if tp.topic in owner.consumer.chunk_topics]
        owner._ensure_consumer().pause(*chunked)
        owner.consumer.watch(owner._ensure_consumer()._coordinator)
        await super().on_partitions_assigned(assigned)


class Consumer(driver.Consumer):
    """Faust's aiokafka consumer, with readers beside it."""

    RebalanceListener = RebalanceListener

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._flow: ChunkFlow | None = getattr(self.app, "chunk_flow", None)
        self.chunk_topics: frozenset[str] = (
            self._flow.topics if self._flow is not None else frozenset()
        )
        self._lanes: list[Lane] | None = None  # None: no session
        self._lane_of: dict[str, Lane] = {}
        self._plain: asyncio.Task[list[tuple[TP, Any]]] | None = None
        self.member: StaticMember | None = None

    def watch(self, coordinator: Any) -> None:
        """Tell the flow of each heartbeat that is answered; the join that has just ended is one."""
        flow = self._flow
        if flow is None:
            return
        flow.heartbeat()
        if self.member is None or self.member.coordinator is not coordinator:
            self.member = StaticMember(coordinator, flow.heartbeat, flow.fenced)

    # ---- reading

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:
        """Messages of plain topics and chunks of the others, whichever comes first."""
        flow = self._flow
        if flow is None:
            async for tp, message in super().getmany(timeout):
                yield tp, message
            return
        generation = self.app.consumer_generation_id
        lanes = await self._session(flow, generation)
        if lanes is None:
            await asyncio.sleep(IDLE_S)
            return
        await self._some_read(lanes, timeout)
        for tp, message in self._take_plain():
            if message.generation_id == generation:  # else: read again from the committed offset
                yield tp, message
        for lane in lanes:
            for chunk in lane.take():
                if self._lanes is not lanes:
                    # unread from the store's point of view: read again, by whoever owns the
                    # partition then
                    return
                flow.hand_out(chunk)
                tp = TP(chunk.topic, chunk.partition)
                # Faust must not drop what it takes for old: the store knows better
                self._read_offset[tp] = None
                yield tp, self._message(chunk, tp)

    async def _session(self, flow: ChunkFlow, generation: int) -> list[Lane] | None:
        """The lanes of the session that is on, a new one where there is none; None while nothing
        may flow.
        """
        # subtle: Faust can resume the flow for a generation that has just ended, while the next one
        # is still restoring
        if not self.flow_active or not flow.ready(generation):
            self._lanes = None
        elif self._lanes is None:
            lanes = await flow.begin(self.assignment())
            if self.flow_active and flow.ready(generation):
                self._lanes = lanes
                self._lane_of = {topic: lane for lane in lanes for topic in lane.reader.topics}
        return self._lanes

    async def _some_read(self, lanes: list[Lane], timeout: float) -> None:
        """Wait until a lane or the plain topics have something, or for a moment."""
        for lane in lanes:
            lane.start_reading()
        waiting: list[asyncio.Future[Any]] = [lane.pending[0] for lane in lanes if lane.pending]
        # subtle: also with no plain partition here: aiokafka leaves the group if nobody has polled
        # it for its max_poll_interval
        waiting.append(self._start_plain(timeout))
        await asyncio.wait(waiting, timeout=IDLE_S, return_when=asyncio.FIRST_COMPLETED)

    def _take_plain(self) -> list[tuple[TP, Any]]:
        if self._plain is None or not self._plain.done():
            return []
        done, self._plain = self._plain, None
        return done.result()

    def _start_plain(self, timeout: float) -> asyncio.Future[Any]:
        if self._plain is None:
            self._plain = asyncio.ensure_future(self._collect(timeout))
        return self._plain

    async def _collect(self, timeout: float) -> list[tuple[TP, Any]]:
        return [(tp, message) async for tp, message in super().getmany(timeout)]

    def _message(self, chunk: Chunk, tp: TP) -> ConsumerMessage:
        generation = self.app.consumer_generation_id
        return ConsumerMessage(
            chunk.topic,
            chunk.partition,
            chunk.end - 1,
            chunk.time_ms / 1000,
            TIMESTAMP_CREATE_TIME,
            (),
            None,
            chunk,
            None,
            0,
            0,
            tp,
            generation_id=generation,
        )

    def finished(self, topic: str) -> None:
        """An agent is done with a chunk of this topic: its lane may bring another."""
        lane = self._lane_of.get(topic)
        if lane is not None and lane.in_flight:
            lane.in_flight -= 1

    # ---- the flow

    def stop_flow(self) -> None:
        """Block consumer from processing any more messages; Faust clears its queues next, so the
        session ends here.
        """
        self._lanes = None
        super().stop_flow()

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Flush while the group still accepts this generation, then let go."""
        if self._flow is not None:
            self.stop_flow()
            await self._flow.before_revocation()
        await super().on_partitions_revoked(revoked)

    async def on_stop(self) -> None:
        """Call when consumer is stopping."""
        if self._flow is not None:
            self.stop_flow()
            await self._flow.close()
        if self.member is not None:
            self.member.leave_at_stop()
        await super().on_stop()

    # ---- Faust's bookkeeping, which is per event and which the store replaces

    def _new_offset(self, tp: TP) -> int | None:
        if tp.topic not in self.chunk_topics:
            return super()._new_offset(tp)
        self._acked[tp].clear()
        self._acked_index[tp].clear()
        return None  # committed in the store's transaction

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        if tp.topic not in self.chunk_topics:
            await super()._add_gap(tp, offset_from, offset_to)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Faust's check that a partition moves; chunks are watched by the store."""
        if tp.topic not in self.chunk_topics:
            super().verify_event_path(now, tp)


class Transport(driver.Transport):
    """The transport of `chunks://host:port`."""

    Consumer = Consumer
