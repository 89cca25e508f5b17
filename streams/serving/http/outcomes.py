"""Outcomes over HTTP: what became of slates by variant, with lift, balance and what exploring
costs.
"""

import asyncio
import time
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta

from streams.contract.outcomes_page import OutcomesPage
from streams.serving.http.access import Access
from streams.serving.http.endpoint import Endpoint, Parameter, answer, query
from streams.serving.watch.outcome_report import Options
from streams.serving.watch.outcome_watch import OutcomeWatch

MOST_HOURS = 87_600
HOURS = Parameter(
    "hours", Annotated[int, Meta(ge=1, le=MOST_HOURS)], "hours back from now", default=168
)
UNIT = Parameter(
    "unit", Literal["users", "slates"], "what intervals take for independent", default="users"
)
SEQUENTIAL = Parameter(
    "sequential", bool, "intervals that hold however often one looks", default=False
)


class OutcomesEndpoint:
    """The handler; `watch` is the process's."""

    def __init__(self, watch: OutcomeWatch) -> None:
        self._watch = watch

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
            Endpoint(
                "GET",
                "/v1/outcomes",
                self.outcomes,
                "Variants: offered, seen, rates, lift with intervals, balance, exploration cost",
                Access.FULL,
                answer=OutcomesPage,
                parameters=(HOURS, UNIT, SEQUENTIAL),
            )
        ]

    async def outcomes(self, request: web.Request) -> web.Response:
        """GET /v1/outcomes."""
        options = Options(query(request, HOURS), query(request, UNIT), query(request, SEQUENTIAL))
        return answer(await asyncio.to_thread(self._watch.page, options, time.time()))
