"""Responder: slate requests to slates. All requests of a chunk are scored together, segment by segment.

A *snapshot* holds what the requests of one segment share (priors, screening, propensities). It is made again when counts, items or vectors
have changed and it is older than `REFRESH_S`, or `REFRESH_SHARE` of the time it took to make, whichever is more: learning shows within a
second, and a catalogue of 100,000 items does not eat the worker.
"""

import time
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from bandits.config import SlateConfig
from bandits.serve import Request, SlateResult, Snapshot, compose, prepare

from .attribution import Rules, context_segment, serve
from .catalogue import CatalogueView
from .chunk import Chunk
from .events import Slate, SlateItem, SlateRequest, decode_slate_request, encode, seconds
from .ingest import decode_chunk
from .metrics import Metrics
from .partition import Partition
from .replies import Replies
from .taste import Tastes
from .vectors import VectorsView
from .view import CountsView

REFRESH_S = 0.5
REFRESH_SHARE = 20.0
MAX_SNAPSHOTS = 2000  # segments held ready; the oldest goes first


class Prepared(NamedTuple):
    """A snapshot and when to make it again."""

    snapshot: Snapshot
    state: tuple[int, ...]
    encoder: str | None
    stale_at_s: float


class Responder:
    """Answers from the views; the random generator is an argument, so that a replay draws what it drew."""

    def __init__(
        self,
        config: SlateConfig,
        counts: CountsView,
        catalogue: CatalogueView,
        vectors: VectorsView,
        tastes: Tastes,
        replies: Replies,
        topic: str,
        metrics: Metrics,
        max_event_bytes: int,
        rng: np.random.Generator,
    ) -> None:
        self.config = config
        self.counts = counts
        self.catalogue = catalogue
        self.vectors = vectors
        self.tastes = tastes
        self._replies = replies
        self._topic = topic
        self._metrics = metrics
        self._max_event_bytes = max_event_bytes
        self._rng = rng
        self._prepared: dict[str, Prepared] = {}

    def answer(self, partition: Partition, chunk: Chunk, rules: Rules, now_s: float) -> None:
        """Answer a chunk of requests and note the slates in the partition's log."""
        began = time.perf_counter()
        requests = list(decode_chunk(partition, chunk, decode_slate_request, self._max_event_bytes, now_s))
        for request, slate in zip(requests, self.slates(requests, rules, now_s), strict=True):
            serve(partition, slate.slate_id, slate.segment, slate.policy_version, seconds(request.ts), rules, now_s)
            self._replies.send(self._topic, request.user_id.encode(), encode(slate))
        took_s = time.perf_counter() - began
        self._metrics.requests.inc(len(requests))
        for _ in requests:
            self._metrics.request_s.observe(took_s)

    def wait_for_replies(self) -> None:
        """Before a flush: every reply that it covers is delivered."""
        self._replies.wait()

    def slates(self, requests: Sequence[SlateRequest], rules: Rules, now_s: float) -> list[Slate]:
        """One slate for each request, in their order."""
        by_segment: dict[str, list[int]] = {}
        for place, request in enumerate(requests):
            segment = request.segment or context_segment(request.context, rules.segment_fields)
            by_segment.setdefault(segment, []).append(place)
        slates: dict[int, Slate] = {}
        for segment, places in by_segment.items():
            wanted = [requests[place] for place in places]
            self._intern(wanted)  # before the snapshot, which must know every item that a request names
            prepared = self.prepared(segment, now_s)
            asked = [self._ask(request) for request in wanted]
            results = compose(prepared.snapshot, asked, self._rng)
            for place, request, result in zip(places, wanted, results, strict=True):
                slates[place] = self._slate(request, segment, result, prepared.encoder, now_s)
        return [slates[place] for place in range(len(requests))]

    def prepared(self, segment: str, now_s: float) -> Prepared:
        """The segment's snapshot, made again if it is stale."""
        state = self.counts.version, self.catalogue.version, self.vectors.version, len(self.counts.items)
        held = self._prepared.get(segment)
        if held is not None and (held.state == state or now_s < held.stale_at_s) and held.state[3] == state[3]:
            return held
        began = time.perf_counter()
        vectors = self.vectors.matrix()
        catalogue = self.catalogue.catalogue(self.config.exclude, vectors)
        number = self.counts.segments.get(segment)
        snapshot = prepare(self.config, self.counts.counts(now_s), number, catalogue, now_s, self._rng)
        took_s = time.perf_counter() - began
        prepared = Prepared(snapshot, state, self.vectors.encoder, now_s + max(REFRESH_S, REFRESH_SHARE * took_s))
        self._prepared.pop(segment, None)
        self._prepared[segment] = prepared
        if len(self._prepared) > MAX_SNAPSHOTS:
            del self._prepared[next(iter(self._prepared))]
        return prepared

    def _intern(self, requests: Iterable[SlateRequest]) -> None:
        for request in requests:
            for item_id in request.candidates or ():
                if self.catalogue.may_show(item_id):
                    self.counts.items.number(item_id)

    def _ask(self, request: SlateRequest) -> Request:
        candidates = None
        if request.candidates is not None:
            candidates = _numbers(self.counts.items.get(i) for i in request.candidates if self.catalogue.may_show(i))
        exclude = _numbers(self.counts.items.get(item_id) for item_id in request.exclude or ())
        return Request(request.k, candidates, exclude, self.tastes.vector(request.user_id, self.vectors))

    def _slate(self, request: SlateRequest, segment: str, result: SlateResult, encoder: str | None, now_s: float) -> Slate:
        names = self.counts.items.names
        places: Iterable[tuple[Any, ...]] = zip(
            result.items.tolist(), result.scores.tolist(), result.propensities.tolist(), result.why, strict=True
        )
        items = [SlateItem(names[item], at, score, propensity, why) for at, (item, score, propensity, why) in enumerate(places)]
        return Slate(
            slate_id=request.request_id,
            request_id=request.request_id,
            user_id=request.user_id,
            segment=segment,
            policy=result.policy,
            policy_version=self.config.version,
            encoder=encoder,
            items=items,
            ts=now_s,
        )


def _numbers(numbers: Iterable[int | None]) -> Any:
    return np.array(sorted({number for number in numbers if number is not None}), dtype=np.int64)
