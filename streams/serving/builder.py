"""Builder: the thread that follows what slates are made from, and makes served states of it.

It reads the counts changelog, items, embeddings and releases whole, learns, prepares the segments
that are asked for, and hands over a `ServedState` by reference. A new one is made when something
changed, at most every `REFRESH_S`, or `REFRESH_SHARE` times what the last one took, whichever is
more: a large catalogue or a new release costs freshness, not latency. Whoever answers says what is
wanted (`want`) and is never waited for.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from confluent_kafka import KafkaException

from bandits.slates.config import SlateConfig
from bandits.slates.refresh import REFRESH_S, evidence_of, segment_snapshot
from bandits.slates.snapshot_pools import Snapshot
from streams.config import Settings
from streams.contract.segments import DEFAULT_SEGMENT
from streams.contract.topics import TopicNames
from streams.kafka.admin import TopicsError
from streams.kafka.names import changelog_topics
from streams.kafka.topic_reader import TopicReader
from streams.metrics import ServingMetrics
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import CountsView, Index
from streams.serving.embeddings import EmbeddingsView
from streams.serving.served_state import ServedState, World, make_world
from streams.serving.watch.funnel_view import FunnelView

log = logging.getLogger(__name__)

REFRESH_SHARE = 5.0
READ_S = 0.01  # of a read that finds nothing: what is wanted waits so long
AGAIN_S = 1.0  # until topics that are not there, or brokers that are away, are tried again
HEARD_EVERY_S = 3.0  # how often the brokers are asked whether they are there
ASKED_S = 60.0  # a segment that nobody asked for so long is prepared no more
MAX_SEGMENTS = 2000  # prepared; those asked for last
# (segment, item) pairs prepared: a snapshot has some thirty arrays of n_items, so this is about 1
# GB
MAX_CELLS = 4_000_000
MAX_NAMED = 100_000  # items that only requests name, where nobody produces items


class Builder:
    """The views, and the state made of them. Attributes are read by other threads, and only written
    by the builder's.

    Parameters
    ----------
    settings, config
        Of the process, and the policy file.
    metrics
        Of the process.
    fault
        Told once if the thread cannot go on.
    """

    def __init__(
        self,
        settings: Settings,
        config: SlateConfig,
        metrics: ServingMetrics,
        fault: Callable[[str], None],
    ) -> None:
        names = TopicNames(settings.topic_prefix)
        self.config = config
        self.state: ServedState | None = None
        self.heard_s = 0.0  # when the brokers were there last; 0: not yet
        self.items = Index()
        self.counts = CountsView(
            self.items,
            config.half_life_s,
            evidence_of(config, settings.attribution_window_s),
        )
        self.funnel = FunnelView()
        self.catalogue = CatalogueView(self.items, settings.max_event_bytes, config.exclude)
        self.embeddings = EmbeddingsView(
            self.catalogue,
            names.encoder_releases,
            settings.releases_dir,
            lambda state: metrics.releases.labels(state).inc(),
        )
        self.after_turn: list[Callable[[float], None]] = []  # what else runs in this thread
        self.changed_items: list[str] = []  # since the last turn
        self._metrics = metrics
        self._fault = fault
        self._client = settings.kafka_client()
        self._apply: Mapping[str, tuple[Callable[[list[Any], float], None], ...]] = {
            changelog_topics(settings)[0]: (self.counts.apply, self.funnel.apply),
            names.items: (self._apply_items,),
            names.item_embeddings: (self._apply_embeddings,),
            names.encoder_releases: (self._apply_embeddings,),
        }
        self._rng = np.random.default_rng()
        self._reader: TopicReader | None = None
        self._made_of: tuple[int, ...] = ()
        self._next_at_s = 0.0
        # what others want: plain dicts, which threads may share
        self._asked: dict[str, float] = {}  # segment -> when last
        self._lengths: dict[int, float] = {}
        self._named: dict[str, None] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="builder", daemon=True)

    # ---- what others ask

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopping.set()
        self._thread.join(AGAIN_S * 5)

    def want(self, segment: str, length: int, now_s: float) -> None:
        """A segment is asked for, and a length of slates. Names that anybody may invent find room
        while there is some; those with counts always.
        """
        state = self.state
        if len(self._asked) < MAX_SEGMENTS or (state is not None and segment in state.segments):
            self._asked[segment] = now_s
        self._lengths[length] = now_s

    def want_item(self, name: str) -> None:
        """An item is named that nobody described; it may be shown where nobody describes any."""
        if len(self._named) < MAX_NAMED:
            self._named[name] = None

    def missing(self) -> list[str]:
        """What keeps this process from answering, in words; empty when nothing does."""
        if self.state is None:
            reader = self._reader
            left = ", ".join(self._apply if reader is None else reader.behind())
            return [f"{left} not read to the end yet"]
        silent_s = time.time() - self.heard_s
        if silent_s > 3 * HEARD_EVERY_S:
            return [f"no answer from the brokers for {silent_s:.0f} s"]
        return []

    # ---- the thread

    def _run(self) -> None:
        try:
            reader = self._open()
            while not self._stopping.is_set() and reader is not None:
                self.turn(reader, time.time())
            if reader is not None:
                reader.close()
        except Exception as error:
            log.exception("builder")
            self._fault(f"what slates are made from cannot be followed: {error}")

    def _open(self) -> TopicReader | None:
        """The reader at the beginning of its topics, once these are there; None: stopped."""
        said = ""
        while not self._stopping.is_set():
            try:
                self._reader = TopicReader(self._client, *self._apply, patient=True)
            except (KafkaException, TopicsError) as error:
                reason = error.args[0].str() if isinstance(error, KafkaException) else str(error)
                if reason != said:
                    said = reason
                    log.warning("waiting for topics to follow: %s", reason)
                self._stopping.wait(AGAIN_S)
            else:
                return self._reader
        return None

    def turn(self, reader: TopicReader, now_s: float) -> None:
        """Read what has come, then make what is due."""
        records = reader.batch(READ_S)
        by_topic: dict[str, list[Any]] = {}
        for record in records:
            by_topic.setdefault(record.topic() or "", []).append(record)
        for topic, own in by_topic.items():
            for apply in self._apply[topic]:
                apply(own, now_s)
        if records or now_s - self.heard_s > HEARD_EVERY_S:
            self._heard(reader, bool(records), now_s)
        self.counts.live = reader.at_end()
        if not self.counts.live:
            return
        self._take_named()
        if self.state is None or (now_s >= self._next_at_s and self._versions() != self._made_of):
            self._make(now_s)
        else:
            self._hide()
            self._prepare_wanted(now_s)
        for call in self.after_turn:
            call(now_s)
        self.changed_items.clear()

    def _heard(self, reader: TopicReader, read: bool, now_s: float) -> None:
        if read or reader.answers():
            self.heard_s = now_s
        self._metrics.view_lag.set(reader.lag())

    def _apply_items(self, records: list[Any], _now_s: float) -> None:
        self.changed_items += self.catalogue.apply(records)

    def _apply_embeddings(self, records: list[Any], _now_s: float) -> None:
        self.embeddings.apply(records)

    def _take_named(self) -> None:
        while self._named:
            name = next(iter(self._named))
            del self._named[name]
            if self.catalogue.undescribed:
                self.items.number(name)

    def _versions(self) -> tuple[int, ...]:
        return (
            self.counts.version,
            self.catalogue.version,
            self.embeddings.version,
            len(self.items),
        )

    def _make(self, now_s: float) -> None:
        """The next state, with the segments that were asked for lately."""
        began = time.perf_counter()
        self._made_of = self._versions()
        world = make_world(
            self.counts.counts(now_s),
            self.catalogue.catalogue(self.embeddings.matrix()),
            self.catalogue.facets.facets(len(self.items)),
            self.embeddings.encoder,
            min(now_s, self.heard_s),
            self.config,
        )
        numbers = {name: number for number, name in enumerate(self.counts.segments.names)}
        before = self.state
        state = ServedState(
            number=1 if before is None else before.number + 1,
            world=world,
            names=self.items.names,
            segments=numbers,
            prepared={},
            unseen=self._prepared(world, None, now_s),
        )
        for segment in self._lately(world, now_s):
            if segment in numbers:
                state.prepared[segment] = self._prepared(world, numbers[segment], now_s)
        self.state = state
        self._next_at_s = now_s + max(REFRESH_S, REFRESH_SHARE * (time.perf_counter() - began))

    def _lately(self, world: World, now_s: float) -> list[str]:
        """Segments asked for lately, last ones first; others are let go."""
        for segment, asked_s in list(self._asked.items()):
            if now_s - asked_s > ASKED_S:
                self._asked.pop(segment, None)
        for length, asked_s in list(self._lengths.items()):
            if now_s - asked_s > ASKED_S:
                self._lengths.pop(length, None)
        lately = sorted(self._asked.items(), key=lambda each: -each[1])
        most = max(1, min(MAX_SEGMENTS, MAX_CELLS // max(1, world.n_items)))
        for segment, _ in lately[most:]:
            self._asked.pop(segment, None)
        return [DEFAULT_SEGMENT, *(name for name, _ in lately[:most] if name != DEFAULT_SEGMENT)]

    def _prepare_wanted(self, now_s: float) -> None:
        """Add to the state what was asked for since it was made; a few, then what has come is read
        again.
        """
        state = self.state
        if state is None:
            return
        until_s = time.perf_counter() + READ_S
        for segment in list(self._asked):
            number = state.segments.get(segment)
            if number is not None and segment not in state.prepared:
                state.prepared[segment] = self._prepared(state.world, number, now_s)
                if time.perf_counter() > until_s:
                    return

    def _prepared(self, world: World, segment: int | None, now_s: float) -> Snapshot:
        return segment_snapshot(
            self.config, world.learned, segment, now_s, self._rng, sorted(self._lengths) or (10,)
        )

    def _hide(self) -> None:
        """Items that the state would show and that may not be shown any more."""
        state = self.state
        if state is None or not self.changed_items:
            return
        hidden = set(state.hidden)
        for name in self.changed_items:
            number = self.items.get(name)
            if number is not None and number < state.world.n_items:
                if self.catalogue.may_show(name):
                    hidden.discard(number)
                else:
                    hidden.add(number)
        self.state = state._replace(hidden=frozenset(hidden))
