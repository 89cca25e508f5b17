"""Status over HTTP: what this process knows of itself, releases, dead letters."""

import asyncio
import time
from collections.abc import Callable

from aiohttp import web
from confluent_kafka import KafkaException

import streams
from encoder.serving.verify import Decision
from encoder.serving.wire import Release
from streams.contract.http import DeadLetters, Health, Limit, ReleaseRow, Releases
from streams.kafka.admin import TopicsError
from streams.metrics import REJECTED, ServingMetrics
from streams.serving.builder import Builder
from streams.serving.dead_letter_reader import DeadLetterReader
from streams.serving.http.access import Access
from streams.serving.http.endpoint import Endpoint, Parameter, answer, query
from streams.serving.http.problems import ProblemError

LIMIT = Parameter("limit", Limit, "letters, 1 to 1000", default=100)


class Status:
    """The handlers.

    Parameters
    ----------
    builder, metrics
        Of the process.
    missing, assigned, under_way
        What keeps it from being ready; its partitions of `slate-requests`; slates that the brokers
        do not have yet.
    letters
        Reads dead letters.
    """

    def __init__(
        self,
        builder: Builder,
        metrics: ServingMetrics,
        missing: Callable[[], list[str]],
        assigned: Callable[[], frozenset[int]],
        under_way: Callable[[], int],
        letters: DeadLetterReader,
    ) -> None:
        self._builder = builder
        self._metrics = metrics
        self._missing = missing
        self._assigned = assigned
        self._under_way = under_way
        self._letters = letters

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
            Endpoint(
                "GET",
                "/v1/health",
                self.health,
                "What this process knows of itself",
                Access.FULL,
                answer=Health,
            ),
            Endpoint(
                "GET",
                "/v1/releases",
                self.releases,
                "Encoder releases, and what is thought of them",
                Access.FULL,
                answer=Releases,
                problems=(503,),
            ),
            Endpoint(
                "GET",
                "/v1/dead-letters",
                self.dead_letters,
                "The last events that were refused, with the reasons",
                Access.FULL,
                answer=DeadLetters,
                parameters=(LIMIT,),
                problems=(503,),
            ),
        ]

    async def health(self, _request: web.Request) -> web.Response:
        """GET /v1/health."""
        missing, state = self._missing(), self._builder.state
        world = None if state is None else state.world
        return answer(
            Health(
                status="not ready" if missing else "ready",
                missing=missing,
                version=streams.__version__,
                policy=self._builder.config.policy,
                policy_version=self._builder.config.version,
                encoder=None if world is None else world.encoder,
                counts_ts=None if world is None else world.counts_ts,
                counts_age_s=None if world is None else max(0.0, time.time() - world.counts_ts),
                segments=0 if state is None else len(state.segments),
                segments_prepared=0 if state is None else len(state.prepared),
                items=0 if world is None else world.n_items,
                items_available=0 if world is None else int(world.catalogue.available.sum()),
                view_lag_records=self._sample("slatestream_view_lag_records"),
                partitions=sorted(self._assigned()),
                requests_answered=self._sample("slatestream_requests_total"),
                requests_rejected=self._sample(
                    "slatestream_events_total", outcome=REJECTED, segment=""
                ),
                fallback_slates=self._sample("slatestream_fallback_slates_total"),
                under_way=self._under_way(),
            )
        )

    async def releases(self, _request: web.Request) -> web.Response:
        """GET /v1/releases."""
        embeddings = self._builder.embeddings
        try:
            found = await asyncio.to_thread(embeddings.assembly.decisions)
        except RuntimeError:
            msg = "a release came while they were gone through; try again in a moment"
            raise ProblemError(503, msg) from None
        return answer(Releases([_row(*each, embeddings.encoder) for each in found]))

    async def dead_letters(self, request: web.Request) -> web.Response:
        """GET /v1/dead-letters."""
        limit = query(request, LIMIT)
        try:
            return answer(DeadLetters(await asyncio.to_thread(self._letters.last, limit)))
        except KafkaException as error:
            reason = error.args[0].str()
        except TopicsError as error:
            reason = str(error)
        raise ProblemError(503, f"dead letters cannot be read: {reason}")

    def _sample(self, name: str, **labels: str) -> int:
        return int(self._metrics.registry.get_sample_value(name, labels) or 0)


def _row(release: Release, decision: Decision, in_force: str | None) -> ReleaseRow:
    return ReleaseRow(
        version=release.version,
        in_force=release.version == in_force,
        state=decision.state,
        reason=decision.reason,
        status=release.status,
        created_s=release.created_s,
        dim=release.dim,
        items=release.items,
        previous=release.previous,
        metrics=release.metrics,
        baseline=release.baseline,
    )
