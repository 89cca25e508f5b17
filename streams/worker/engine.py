"""Engine: the parts of a worker put together, and what they ask of each other. Of Faust it knows
the type of an assignment.
"""

import functools
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from confluent_kafka.admin import AdminClient
from faust.types import TP

from streams.config import Settings
from streams.contract.topics import TopicNames
from streams.counting.attribution import REJECTED, count_clicks
from streams.counting.chunk import CLICKS, IMPRESSIONS, REQUESTS, Chunk
from streams.counting.expiry import drop_expired
from streams.counting.impressions import count_impressions
from streams.counting.ingest import Place, dead_letter, item_fault, open_chunk
from streams.kafka.changelogs import ensure_changelogs
from streams.kafka.names import changelog_topics
from streams.kafka.topic_follower import TopicFollower
from streams.kafka.transaction import TRANSACTION_TIMEOUT_S
from streams.worker.ending import end_process
from streams.worker.parts import Parts, source_topics
from streams.worker.transport import Lane

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
    """One worker's state, readers and responder; the transport asks it what may flow."""

    def __init__(self, settings: Settings, partitions: int, parts: Parts) -> None:
        names = TopicNames(settings.topic_prefix)
        self.settings = settings
        self.partitions = partitions
        self.store = parts.store
        self.metrics = parts.metrics
        self.responder = parts.responder
        self.source: Mapping[str, str] = source_topics(names)
        self.topics = frozenset(self.source)
        self.items_topic = names.items
        self._requests_topic = names.slate_requests
        self._dead_letters = names.dead_letters
        self._follows = {names.clicks: names.impressions}
        self._answering = parts.answering
        self._vectors = parts.vectors
        self._counts_process = parts.counts_process
        self._bulk = parts.bulk
        self._prompt = parts.prompt
        self._handlers: dict[str, Callable[[Chunk, float], None]] = {
            IMPRESSIONS: self._count_impressions,
            CLICKS: self._count_clicks,
            REQUESTS: self._answer,
        }
        self.end_process = end_process
        self._flushes_left_out = 0
        self._counts_follower, self._items_follower, self._embeddings_follower = (
            parts.topic_followers
        )
        self._topic_followers = parts.topic_followers
        self._item_letters = parts.item_letters
        self._item_embedder = parts.item_embedder

    def start(self) -> None:
        """Start the process that reads counts, and make sure of the changelogs before anything
        reads them.

        Raises
        ------
        TopicsError
            If they cannot be made, or have another number of partitions than the sources.
        """
        self._counts_process.start()
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
        """Start a session: both readers at the store's positions."""
        session = self.store.open_session()
        for reader, wanted in (
            (self._bulk, self.topics - {self._requests_topic}),
            (self._prompt, {self._requests_topic}),
        ):
            source = {topic: self.source[topic] for topic in wanted}
            positions = {
                (topic, n): self.store.position(source[topic], n)
                for topic in wanted
                for n in self.store.partitions
            }
            await reader.assign(
                session, source, positions, self._follows if reader is self._bulk else None
            )
        return [
            Lane(self._prompt, lambda _in_flight: self._views_are_read()),
            Lane(self._bulk, self._may_read_counts, COUNTS_AHEAD),
        ]

    async def before_revocation(self) -> None:
        """Make durable what was counted, while the group still accepts this generation."""
        await self.store.last_flush(
            self.settings.broker_rebalance_timeout_s + TRANSACTION_TIMEOUT_S
        )
        self.store.close_flow()

    async def close(self) -> None:
        """Last flush; then release everything."""
        await self.before_revocation()
        await self.store.close()
        await self._bulk.close()
        await self._prompt.close()

    def owned(self, assignment: Iterable[TP]) -> set[int]:
        """Partition numbers of the sources in an assignment."""
        return {tp.partition for tp in assignment if tp.topic in self.topics}

    def _views_are_read(self) -> bool:
        """Requests wait for the views at the start of a worker: it would answer with
        empty slates.
        """
        return all(follower.caught_up for follower in self._topic_followers)

    def _may_read_counts(self, in_flight: int) -> bool:
        return in_flight < MAX_IN_FLIGHT and not self.store.congested and self._requests_settled()

    def _requests_settled(self) -> bool:
        """Whether every request that was in the log at the restore has been answered.

        Subtle: after a crash a request is answered again; an impression of its slate must not be
        counted before, since it may take its segment from the slate.
        """
        if self.store.settled_session == self.store.session:
            return True
        topic = self._requests_topic
        for number in self.store.partitions:
            answered = self.store.position(REQUESTS, number)
            if not self._prompt.answered(
                topic, number, answered, self.store.sources.end(REQUESTS, number)
            ):
                return False
        self.store.settled_session = self.store.session
        return True

    # ---- what the agents ask

    def handle(self, chunk: Chunk) -> None:
        """Bring a chunk into the state; a fault here would make the state and its position
        disagree, so it ends the process.
        """
        try:
            partition = self.store.admit(chunk)
            if partition is not None:
                self._handlers[chunk.source](chunk, time.time())
                self.store.advance(chunk)
                self.responder.counts.clicked(partition.delays)
                partition.delays.clear()
        except Exception:
            log.exception("%s[%d] %d to %d", chunk.topic, chunk.partition, chunk.start, chunk.end)
            self.end_process("a chunk could not be applied; nothing of it was committed")

    def _count_impressions(self, chunk: Chunk, now_s: float) -> None:
        partition = self.store.partitions[chunk.partition]
        count_impressions(partition, open_chunk(partition, chunk, now_s), self.store.rules, now_s)

    def _count_clicks(self, chunk: Chunk, now_s: float) -> None:
        partition = self.store.partitions[chunk.partition]
        clicks = open_chunk(partition, chunk, now_s)
        self.responder.users.clicked(clicks)
        count_clicks(partition, clicks, self.store.rules, now_s)

    def _answer(self, chunk: Chunk, now_s: float) -> None:
        partition = self.store.partitions[chunk.partition]
        self._answering.answer(partition, chunk, self.store.rules, now_s)

    def followers(self) -> list[Callable[[], Awaitable[None]]]:
        """Endless tasks that keep the views up to date; a view that cannot go on ends the process,
        or it would serve old counts.
        """
        views = (
            (self._counts_follower, self._apply_counts),
            (self._items_follower, self.responder.catalogue.apply),
            (self._embeddings_follower, self._vectors.apply),
        )
        return [functools.partial(self._follow, follower, apply) for follower, apply in views]

    async def embed_items(self, assignment: Callable[[], Iterable[TP]]) -> None:
        """Endless: embed items of this worker's partitions that lack a vector of the release in
        force.
        """
        await self._item_embedder.run(
            lambda: {tp.partition for tp in assignment() if tp.topic == self.items_topic},
            lambda: self._items_follower.caught_up and self._embeddings_follower.caught_up,
        )

    def check_item(self, place: Place, key: bytes | None, value: bytes | None) -> None:
        """A dead letter for an item that cannot be read; the good ones reach every worker's
        catalogue by its own follower.
        """
        fault = item_fault(key, value, self.settings.max_event_bytes)
        if fault is not None:
            letter = dead_letter(place, key, value, fault, time.time())
            self._item_letters.send(self._dead_letters, letter.key, letter.value)
            self.metrics.events.labels(REJECTED, "").inc()

    def _apply_counts(self, records: list[Any]) -> None:
        self.responder.counts.live = self._counts_follower.caught_up
        self.responder.counts.apply(records)

    async def _follow(self, follower: TopicFollower, apply: Callable[[list[Any]], None]) -> None:
        try:
            await follower.follow(apply)
        except Exception as error:
            log.exception("%s", follower.topics)
            self.end_process(f"reading {', '.join(follower.topics)} failed: {error}")

    def not_ready(self, generation: int) -> list[str]:
        """What keeps this worker from being ready, in words; empty when it is."""
        missing = (
            []
            if self.ready(generation)
            else ["state is not restored, or no partitions are assigned yet"]
        )
        return missing + [
            f"{', '.join(follower.topics)} not read to the end yet"
            for follower in self._topic_followers
            if not follower.caught_up
        ]

    def measure(self) -> None:
        """Bring gauges up to date."""
        self.metrics.view_lag.set(self._counts_follower.lag())

    async def flush(self) -> None:
        """Make durable what was counted; now and then only, while an old log is read."""
        if self._bulk.busy and self._flushes_left_out < FLUSHES_LEFT_OUT:
            self._flushes_left_out += 1
            return
        self._flushes_left_out = 0
        await self.store.flush()

    async def expire(self) -> None:
        """Drop what the windows have passed."""
        await drop_expired(self.store.partitions, lambda: self.store.settled, self._behind)

    def _behind(self, number: int) -> list[str]:
        """Sources of counts with records that are not in the state of partition `number` yet."""
        counted = {topic: source for topic, source in self.source.items() if source != REQUESTS}
        offsets = self.store.partitions[number].offsets
        applied = {topic: offsets[source] for topic, source in counted.items()}
        ends = {topic: self.store.sources.end(source, number) for topic, source in counted.items()}
        return [counted[topic] for topic in self._bulk.behind(number, applied, ends)]
