"""Builder: the thread that follows what slates are made from, and makes served states of it.

It reads the counts changelog, items, embeddings and releases whole, learns, prepares the segments
that are asked for, and hands over a `ServedState` by reference. A new one is made when something
changed, at most every `REFRESH_S`, or `REFRESH_SHARE` times what the last one took, whichever is
more: a large catalogue or a new release costs freshness, not latency. Whoever answers says what is
wanted (`want`) and is never waited for.
"""

import itertools
import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from confluent_kafka import Message

from bandits.learning.segment_fields import SegmentFields
from bandits.slates.refresh import REFRESH_S, evidence_of
from bandits.slates.variants import BASE, PolicyFile
from streams.config import Settings
from streams.contract.segments import DEFAULT_SEGMENT
from streams.contract.topics import TopicNames
from streams.kafka.names import changelog_topics
from streams.kafka.topic_reader import TopicReader
from streams.metrics import ServingMetrics
from streams.serving.catalogue import CatalogueView
from streams.serving.counts_view import CountsView, FellBehind, Index
from streams.serving.embeddings import EmbeddingsView
from streams.serving.places_view import PlacesView
from streams.serving.preparation import Preparation
from streams.serving.served_state import ServedState, keep, make_state, make_world
from streams.serving.users import Users
from streams.serving.wanted import Wanted
from streams.serving.watch.funnel_view import FunnelView
from streams.serving.watch.outcomes_view import OutcomesView
from streams.serving.when_there import AGAIN_S, open_when_there

log = logging.getLogger(__name__)

REFRESH_SHARE = 5.0
READ_S = 0.01  # of a read that finds nothing: what is wanted waits so long
HEARD_EVERY_S = 3.0  # how often the brokers are asked whether they are there


class Builder:
    """The views, and the state made of them. Attributes are read by other threads, and only written
    by the builder's.

    Parameters
    ----------
    settings, policy_file, metrics
        Of the process.
    fault
        Told once if the thread cannot go on.
    """

    def __init__(
        self,
        settings: Settings,
        policy_file: PolicyFile,
        metrics: ServingMetrics,
        fault: Callable[[str], None],
    ) -> None:
        names = TopicNames(settings.topic_prefix)
        self.policy_file = policy_file
        self.config = config = policy_file.base
        self.state: ServedState | None = None
        self.heard_s = 0.0  # when the brokers were there last; 0: not yet
        self.items = Index()
        self.counts = CountsView(
            self.items,
            config.half_life_s,
            evidence_of(config, settings.attribution_window_s),
            len(settings.segment_fields) > 1,
        )
        self.users = Users(self.items, policy_file)
        self.places = PlacesView(self.counts.segments, self.items)
        self.funnel, self.outcomes = FunnelView(), OutcomesView()
        self.catalogue = CatalogueView(self.items, settings.max_event_bytes)
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
        self._changelog = changelog_topics(settings)[0]
        self._apply: Mapping[str, Callable[[list[Any], float], None]] = {
            self._changelog: self._apply_changelog,
            names.items: self._apply_items,
            names.item_embeddings: self._apply_embeddings,
            names.encoder_releases: self._apply_embeddings,
        }
        self._fields = SegmentFields(settings.segment_fields)
        self._reader: TopicReader | None = None
        self._made_of: tuple[int, ...] = ()
        self._next_at_s = 0.0
        self._wanted = Wanted()
        self._preparation = Preparation(self._wanted)
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

    def want(self, variant: str, segment: str, length: int, now_s: float) -> None:
        """A segment is asked for, and a length of slates (`Wanted.segment`)."""
        state = self.state
        known = state is not None and segment in state.segments
        self._wanted.segment((variant, segment), length, now_s, known)

    def want_item(self, name: str) -> None:
        """An item is named that nobody described; it may be shown where nobody describes any."""
        self._wanted.item(name)

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
        reader = open_when_there(self._client, self._apply, self._changelog, self._stopping)
        if reader is not None:
            self.counts.begin(reader.ends_of(self._changelog))
        self._reader = reader
        return reader

    def turn(self, reader: TopicReader, now_s: float) -> None:
        """Read what has come, then make what is due."""
        records = reader.batch(READ_S)
        for topic, own in itertools.groupby(records, Message.topic):
            try:
                self._apply[topic or ""](list(own), now_s)
            except FellBehind:
                log.warning("%s is read anew: records of it may be gone unread", topic)
                reader.again(self._changelog)
                self.counts.begin(reader.ends_of(self._changelog))
        if records or now_s - self.heard_s > HEARD_EVERY_S:
            self._heard(reader, bool(records), now_s)
        if not self.counts.live:
            self.counts.read_to_end(reader.read_to_end(self._changelog))
            if not reader.at_end():
                return
            self.counts.caught_up(now_s)
        self._take_named()
        self.users.learn(None if self.state is None else self.state.world.learned, now_s)
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

    def _apply_changelog(self, records: list[Any], now_s: float) -> None:
        others = self.counts.apply(records, now_s)
        for view in (self.places, self.funnel, self.outcomes):
            view.apply(others, now_s)

    def _apply_items(self, records: list[Any], _now_s: float) -> None:
        self.changed_items += self.catalogue.apply(records)

    def _apply_embeddings(self, records: list[Any], _now_s: float) -> None:
        self.embeddings.apply(records)

    def _take_named(self) -> None:
        for name in self._wanted.take_items():
            if self.catalogue.undescribed:
                self.items.number(name)

    def _versions(self) -> tuple[int, ...]:
        return (
            self.counts.version,
            self.catalogue.version,
            self.embeddings.version,
            len(self.items),
            self.users.version,
        )

    def _make(self, now_s: float) -> None:
        """The next state, with the segments that were asked for lately."""
        began = time.perf_counter()
        items_before, before = self._made_of[1:4], self.state
        self._made_of = self._versions()
        version, placed = self.embeddings.version, self.places.placed()
        world = make_world(
            self.counts.look(now_s),
            partial(self.counts.learner.learn, vectors_version=version, placed=placed),
            self.catalogue.catalogue(*self.embeddings.matrices()),
            self.catalogue.facets.facets(len(self.items)),
            self.embeddings.encoder,
            min(now_s, self.heard_s),
            self.items.get,
            self.policy_file,
            self._fields.codes(self.counts.segments.names),
            None if before is None else before.world,
            self.users.learner.effects,
        )
        unseen = self._preparation.unseen(world, self.policy_file.variants, now_s, before)
        state = make_state(
            before,
            world,
            self.items.names,
            self.counts.segments.names,
            self._fields,
            self.policy_file,
            unseen,
        )
        lately = self._wanted.let_go(world.n_items, now_s)
        changed = self.counts.learner.changed
        for variant, segment in dict.fromkeys([(BASE, DEFAULT_SEGMENT), *lately]):
            if before is not None and items_before == self._made_of[1:4]:
                keep(before, state, variant, segment, changed, now_s)
            self._preparation.add(state, (variant, segment), now_s, before)
        self.state = state
        self._metrics.pairs.set(world.counts.n_cells)
        self._metrics.evidence_by_item.set(self.counts.learner.evidence.by_item)
        self.users.tell(self._metrics)
        self._next_at_s = now_s + max(REFRESH_S, REFRESH_SHARE * (time.perf_counter() - began))

    def _prepare_wanted(self, now_s: float) -> None:
        """Add to the state what was asked for since it was made; a few, then what has come is read
        again.
        """
        state = self.state
        if state is None:
            return
        until_s = time.perf_counter() + READ_S
        for pair in self._wanted.segments():
            if self._preparation.add(state, pair, now_s) and time.perf_counter() > until_s:
                return

    def _hide(self) -> None:
        """Items that the state would show and that may not be shown any more."""
        state, changed = self.state, self.changed_items
        if state is not None and changed:
            self.state = state.hiding(changed, self.items.get, self.catalogue.may_show)
