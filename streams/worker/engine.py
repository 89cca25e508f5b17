"""Engine: the flow of a worker, from chunks to committed counts, and what its parts ask of each
other. Of Faust it knows the type of an assignment.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from confluent_kafka import KafkaError
from confluent_kafka.admin import AdminClient
from faust.types import TP

from streams.config import Settings, worker_name
from streams.contract.dead_letters import Place, dead_letter
from streams.contract.events import EventError
from streams.contract.items import read_item
from streams.contract.topics import TopicNames
from streams.counting.chunk import Chunk
from streams.counting.expiry import drop_expired
from streams.counting.ingest import counting_chunk
from streams.counting.set_aside import BrokenDisk
from streams.kafka.changelogs import ensure_changelogs
from streams.kafka.liveness import HEARTBEAT
from streams.kafka.names import changelog_topics
from streams.metrics import REJECTED
from streams.worker.ending import end_process
from streams.worker.garbage import Garbage
from streams.worker.parts import Parts, source_topics
from streams.worker.transport import Lane
from streams.worker.turns import Turns

log = logging.getLogger(__name__)

# reads: the reading process works on while a flush encodes its rows on the event loop, 0.2 s at
# full speed
COUNTS_AHEAD = 6
# chunks of counts that agents have not finished, and reads under way: more would only wait in
# memory
MAX_IN_FLIGHT = 16
# in a row, while an old log is read: nobody waits for these counts, and each flush writes every
# changed row
FLUSHES_LEFT_OUT = 3


class Engine:
    """One worker's state and what reads into it; the transport asks it what may flow."""

    def __init__(self, settings: Settings, partitions: int, parts: Parts) -> None:
        names = TopicNames(settings.topic_prefix)
        self.settings = settings
        self.partitions = partitions
        self.store = parts.store
        self.metrics = parts.metrics
        self.source: Mapping[str, str] = source_topics(names)
        self.topics = frozenset(self.source)
        self.items_topic = names.items
        self.end_process = end_process
        self._dead_letters = names.dead_letters
        self._follows = {names.clicks: names.impressions, names.impressions: names.slates}
        self._consumer = parts.consumer
        self._tracker = parts.tracker
        self._items = parts.items
        self._item_letters = parts.item_letters
        self._flushes_left_out = 0
        self._turns = Turns()
        self._garbage: Garbage | None = None

    def start(self) -> None:
        """Start the process that reads counts, and make sure of the changelogs before anything
        reads them.

        Raises
        ------
        TopicsError
            If they cannot be made, or have another number of partitions than the sources.
        """
        self._consumer.start()
        self._items.start()
        self._garbage = Garbage()
        ensure_changelogs(
            AdminClient(self.settings.kafka_client()),
            changelog_topics(self.settings),
            self.partitions,
            self.settings,
        )

    # ---- what the transport asks (ChunkFlow)

    def ready(self, generation: int) -> bool:
        """Whether the state is restored for this generation."""
        return self.store.ready_generation == generation

    async def begin(self, assignment: Iterable[TP]) -> list[Lane]:
        """Start a session: the consumer at the store's positions."""
        session, sources = self.store.open_session(), self.store.sources
        self._turns = Turns()
        places = [
            (topic, source, number)
            for topic, source in self.source.items()
            for number in self.store.partitions
        ]
        await self._tracker.assign(
            session,
            self.source,
            {(topic, n): self.store.position(source, n) for topic, source, n in places},
            self._follows,
            {(topic, n): sources.known(source, n) for topic, source, n in places},
        )
        return [Lane(self._tracker, self._may_read, COUNTS_AHEAD)]

    async def before_revocation(self) -> None:
        """Make durable what was counted, while the group still accepts this generation."""
        await self.store.last_flush(self.settings.broker_rebalance_timeout_s)
        self.store.close_flow()

    async def close(self) -> None:
        """Last flush; then release everything."""
        await self.before_revocation()
        self._items.stop()
        await self.store.close()
        await self._tracker.close()

    def owned(self, assignment: Iterable[TP]) -> set[int]:
        """Partition numbers of the sources in an assignment."""
        return {tp.partition for tp in assignment if tp.topic in self.topics}

    def _may_read(self, in_flight: int) -> bool:
        return in_flight < MAX_IN_FLIGHT and not self.store.congested

    # ---- what the agents ask

    def hand_out(self, chunk: Chunk) -> None:
        """A chunk is on its way to its agent."""
        self._turns.hand_out(chunk)

    async def handle(self, chunk: Chunk) -> None:
        """Count a chunk when it is its turn, and those that waited for it; in slices, between which
        the event loop turns.
        """
        async with self.store.counting:
            if chunk.session == self.store.session:
                for each in self._turns.come(chunk):
                    for _ in self._counting(each):
                        await asyncio.sleep(0)

    def _counting(self, chunk: Chunk) -> Iterator[None]:
        """Bring a chunk into the state; a fault here would make the state and its position
        disagree, so it ends the process.
        """
        try:
            partition = self.store.admit(chunk)
            if partition is not None:
                yield from counting_chunk(partition, chunk, self.store.rules, time.time())
                self.store.advance(chunk)
                self.metrics.sampled(chunk.source, *chunk.sample)
        except BrokenDisk as broken:
            self.store.set_aside(broken)
        except Exception:
            log.exception("%s[%d] %d to %d", chunk.topic, chunk.partition, chunk.start, chunk.end)
            self.end_process("a chunk could not be applied; nothing of it was committed")

    def check_item(self, place: Place, key: bytes | None, value: bytes | None) -> None:
        """A dead letter for an item that cannot be used; serving reads the good ones with the same
        check.
        """
        try:
            read_item(key, value, self.settings.max_event_bytes)
        except EventError as error:
            letter = dead_letter(place, key, value, str(error), time.time())
            self._item_letters.send(self._dead_letters, letter.key, letter.value, _delivered)
            self.metrics.events.labels(REJECTED, "").inc()

    def not_ready(self, generation: int) -> list[str]:
        """What keeps this worker from being ready, in words; empty when it is."""
        if not self.ready(generation):
            return ["state is not restored, or no partitions are assigned yet"]
        return self.store.liveness.too_old()

    def look(self, state: str) -> None:
        """Bring the metrics of the group up to date."""
        lag: dict[tuple[str, int], int] = {}
        for number, partition in self.store.partitions.items():
            for topic, source in self.source.items():
                left = self._tracker.left(topic, number, partition.offsets[source])
                if left is not None:
                    lag[topic, number] = left
        self.metrics.group.look(state, lag)

    def heartbeat(self) -> None:
        """The group's coordinator has answered; called by the thread that asks it."""
        self.store.liveness.happened(HEARTBEAT)

    def fenced(self) -> None:
        """Another worker has our name."""
        self.end_process(
            f"the worker name {worker_name(self.settings)} was taken over by another worker"
        )

    async def flush(self) -> None:
        """Make durable what was counted; now and then only, while an old log is read."""
        if self._tracker.busy and self._flushes_left_out < FLUSHES_LEFT_OUT:
            self._flushes_left_out += 1
            return
        self._flushes_left_out = 0
        await self.store.flush()
        if self._garbage is not None:
            self._garbage.flushed()

    async def expire(self) -> None:
        """Drop what the windows have passed."""
        try:
            await drop_expired(
                self.store.partitions,
                lambda: self.store.settled,
                self._behind,
                self.settings.counts_retention_s,
            )
        except BrokenDisk as broken:
            self.store.set_aside(broken)

    def _behind(self, number: int) -> list[str]:
        """Sources with records that are not in the state of partition `number` yet."""
        offsets, sources = self.store.partitions[number].offsets, self.store.sources
        applied = {topic: offsets[source] for topic, source in self.source.items()}
        ends = {topic: sources.end(source, number) for topic, source in self.source.items()}
        return [self.source[topic] for topic in self._tracker.behind(number, applied, ends)]


def _delivered(error: KafkaError | None, _message: Any) -> None:
    if error is not None:
        log.error("the dead letter of an item was not delivered: %s", error.str())
