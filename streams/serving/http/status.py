"""Status over HTTP: encoder releases, dead letters."""

import asyncio

from aiohttp import web
from confluent_kafka import KafkaException

from encoder.serving.verify import Decision
from encoder.serving.wire import Release
from streams.contract.http import DeadLetters, Limit, ReleaseRow, Releases
from streams.kafka.admin import TopicsError
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
    builder
        Of the process.
    letters
        Reads dead letters.
    """

    def __init__(self, builder: Builder, letters: DeadLetterReader) -> None:
        self._builder = builder
        self._letters = letters

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
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
        catalogue=release.catalogue,
    )
