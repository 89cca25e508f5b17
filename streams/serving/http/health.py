"""Health over HTTP: what this process knows of itself and of counting, once or as a stream of
server-sent events (WHATWG HTML, section 9.2).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

from aiohttp import web

import streams
from streams.config import Settings
from streams.contract.events import encode
from streams.contract.health import (
    Health,
    Live,
    PartitionRow,
    Point,
    ReasonRow,
    TopicFunnel,
)
from streams.metrics import REJECTED, ServingMetrics
from streams.serving.builder import Builder
from streams.serving.http.access import Access
from streams.serving.http.endpoint import Endpoint, answer
from streams.serving.http.problems import ProblemError
from streams.serving.served_state import ServedState
from streams.serving.watch.findings import findings
from streams.serving.watch.funnel_view import now_waiting
from streams.serving.watch.history import EVERY_S, History
from streams.serving.watch.observed import COUNTED, Observed, events_of
from streams.serving.watch.observer import Look, Observer
from streams.serving.watch.outcome_watch import OutcomeWatch

TOPICS = ("impressions", "clicks", "slates")
MOST_LISTENERS = 50
EVENT_STREAM = "text/event-stream"
NOT_GOOD = ("refused", "waiting")  # states of a release


class HealthPages:
    """The handlers.

    Parameters
    ----------
    settings, builder, metrics, observer, outcomes
        Of the process.
    missing, assigned, under_way
        What keeps it from being ready; its partitions of `slate-requests`; slates that the brokers
        do not have yet.
    """

    def __init__(
        self,
        settings: Settings,
        builder: Builder,
        metrics: ServingMetrics,
        observer: Observer,
        outcomes: OutcomeWatch,
        missing: Callable[[], list[str]],
        assigned: Callable[[], frozenset[int]],
        under_way: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._builder = builder
        self._metrics = metrics
        self._observer = observer
        self._outcomes = outcomes
        self._missing = missing
        self._assigned = assigned
        self._under_way = under_way
        self._history = History()
        self._started_s = time.time()
        self._listeners = 0
        self._closing = asyncio.Event()

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
            Endpoint(
                "GET",
                "/v1/health",
                self.health,
                "What this process knows of itself and of counting: findings, funnel, lag",
                Access.FULL,
                answer=Health,
            ),
            Endpoint(
                "GET",
                "/v1/live",
                self.live,
                "The same every 2 s, as server-sent events, with the figures of the last half hour",
                Access.FULL,
                answer=Live,
                kind=EVENT_STREAM,
                problems=(503,),
            ),
        ]

    async def run(self) -> None:
        """Note a point of the history every `EVERY_S`, for ever."""
        while True:
            self._history.add(self._point())
            if self._outcomes.due(time.time()):
                await asyncio.to_thread(self._outcomes.refresh, time.time())
            await asyncio.sleep(EVERY_S)

    def close(self) -> None:
        """End the streams."""
        self._closing.set()

    async def health(self, _request: web.Request) -> web.Response:
        """GET /v1/health."""
        return answer(self._health(await self._observer.look()))

    async def live(self, request: web.Request) -> web.StreamResponse:
        """GET /v1/live."""
        if self._listeners >= MOST_LISTENERS:
            msg = f"expected at most {MOST_LISTENERS} streams of one process; close a dashboard"
            raise ProblemError(503, msg)
        response = web.StreamResponse(headers={"Cache-Control": "no-store"})
        response.content_type = EVENT_STREAM
        if request.method == "HEAD":
            return response
        self._listeners += 1
        try:
            await response.prepare(request)
            await self._tell(response)
        except ConnectionError:
            pass
        finally:
            self._listeners -= 1
        return response

    async def _tell(self, response: web.StreamResponse) -> None:
        since_s = 0.0
        while not self._closing.is_set():
            health = self._health(await self._observer.look())
            self._history.add(self._point())
            points = self._history.points(since_s)
            since_s = points[-1].ts if points else since_s
            await response.write(b"data: %b\n\n" % encode(Live(health, points)))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), EVERY_S)

    def _point(self) -> Point:
        funnel = self._observer.funnel.funnel
        clicks = funnel.get("clicks", {})
        return Point(
            ts=time.time(),
            impressions=funnel.get("impressions", {}).get("impression", 0),
            clicks=clicks.get("click", 0),
            conversions=clicks.get("conversion", 0),
            waiting=now_waiting(clicks),
            requests=self._sample("slatestream_requests_total"),
        )

    def _health(self, look: Look) -> Health:
        missing, state = self._missing(), self._builder.state
        world = None if state is None else state.world
        now_s = time.time()
        return Health(
            status="not ready" if missing else "ready",
            missing=missing,
            version=streams.__version__,
            policy=self._builder.config.policy,
            policy_version=self._builder.config.version,
            encoder=None if world is None else world.encoder,
            counts_ts=None if world is None else world.counts_ts,
            counts_age_s=None if world is None else max(0.0, now_s - world.counts_ts),
            segments=0 if state is None else len(state.segments),
            segments_prepared=0 if state is None else len(state.prepared),
            items=0 if world is None else world.n_items,
            items_available=_shown(state),
            view_lag_records=self._sample("slatestream_view_lag_records"),
            partitions=sorted(self._assigned()),
            requests_answered=self._sample("slatestream_requests_total"),
            requests_rejected=self._sample(
                "slatestream_events_total", outcome=REJECTED, segment=""
            ),
            fallback_slates=self._sample("slatestream_fallback_slates_total"),
            under_way=self._under_way(),
            started_s=self._started_s,
            findings=findings(self._observed(look, missing, state)),
            funnel=[self._funnel(topic) for topic in TOPICS],
            partitions_behind=self._behind(look, now_s),
            reasons=[ReasonRow(*each) for each in look.letters],
            unknown=look.problem,
        )

    def _observed(self, look: Look, missing: Sequence[str], state: ServedState | None) -> Observed:
        return Observed(
            missing=missing,
            funnel=self._observer.funnel.funnel,
            waiting=look.waiting,
            lags=look.lags,
            moved_s=max(0.0, time.time() - look.moved_s) if look.moved_s else 0.0,
            sample=look.sample,
            letters=look.letters,
            items=_shown(state),
            fallbacks=self._sample("slatestream_fallback_slates_total"),
            refused=self._refused(),
            window_s=self._settings.attribution_window_s,
            outcomes=self._outcomes.findings,
        )

    def _refused(self) -> list[tuple[str, str]]:
        """The newest release, where it is not in force."""
        with contextlib.suppress(RuntimeError):  # one came meanwhile
            for release, decision in self._builder.embeddings.assembly.decisions()[:1]:
                if decision.state in NOT_GOOD:
                    return [(release.version, decision.reason)]
        return []

    def _funnel(self, topic: str) -> TopicFunnel:
        outcomes = self._observer.funnel.funnel.get(topic, {})
        return TopicFunnel(
            topic=topic,
            events=events_of(outcomes),
            counted=sum(outcomes.get(each, 0) for each in COUNTED),
            waiting=now_waiting(outcomes),
            late=outcomes.get("late", 0),
            duplicate=outcomes.get("duplicate", 0),
            orphan=outcomes.get("orphan", 0),
            rejected=outcomes.get("rejected", 0),
            unknown_item=outcomes.get("unknown_item", 0),
            conversions=outcomes.get("conversion", 0),
        )

    def _behind(self, look: Look, now_s: float) -> list[PartitionRow]:
        rows: dict[int, dict[str, int]] = {}
        prefix = len(self._settings.topic_prefix)
        for lag in look.lags:
            rows.setdefault(lag.partition, {})[lag.topic[prefix:]] = lag.records
        counted = self._observer.funnel.counted_s
        return [
            PartitionRow(
                number,
                lags,
                max(0.0, now_s - counted[number]) if number in counted else None,
            )
            for number, lags in sorted(rows.items())
        ]

    def _sample(self, name: str, **labels: str) -> int:
        return int(self._metrics.registry.get_sample_value(name, labels) or 0)


def _shown(state: ServedState | None) -> int:
    return 0 if state is None else int(state.world.catalogue.available.sum())
