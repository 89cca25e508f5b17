"""Desk: slate requests over HTTP.

1. a request whose slate is remembered gets that one; one that is being made is waited for
2. a quick one (`Responder.is_quick`) is answered on the event loop, another in a thread beside
   it, where clients take turns; a slate goes to `slates` as those over Kafka
3. one that would get a better slate in a moment waits for it, up to WAIT_S, and holds nobody up
"""

import asyncio
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from streams.contract.events import EventError, Slate, SlateRequest
from streams.serving.answers import Headers
from streams.serving.http.endpoint import Turns
from streams.serving.http.fair_threads import FairThreads
from streams.serving.http.outbox import Outbox
from streams.serving.http.problems import ProblemError
from streams.serving.recent_slates import RecentSlates
from streams.serving.responder import Busy, NotReady, Responder

WAIT_S = 0.1  # as over Kafka
LOOK_S = 0.005
THREADS = 2  # slates are made one at a time; the other one looks items up meanwhile


class Answered(NamedTuple):
    """A slate's JSON, or why there is none."""

    slate: bytes | None
    error: str | None = None


class Desk:
    """Who answers.

    Parameters
    ----------
    responder, outbox, recent
        Who makes slates, where they go, and where they are remembered.
    """

    def __init__(self, responder: Responder, outbox: Outbox, recent: RecentSlates) -> None:
        self._responder = responder
        self._outbox = outbox
        self._recent = recent
        self._threads = FairThreads(THREADS)
        self._making: dict[str, asyncio.Future[Slate | None]] = {}

    async def answer(
        self, requests: Sequence[SlateRequest], headers: Headers, client: str | None = None
    ) -> list[Answered]:
        """Their slates, in order; `headers` stand on the records. Without a client each request is
        its user's.

        Raises
        ------
        ProblemError
            Where nothing can be answered now.
        """
        self._outbox.check_room()
        call = _Call(headers, time.time(), time.monotonic() + WAIT_S, Turns(), client)
        if len(requests) == 1:
            return [await self._one(requests[0], call)]
        return await asyncio.gather(*(self._one(request, call) for request in requests))

    async def _one(self, request: SlateRequest, call: "_Call") -> Answered:
        name = request.request_id
        while True:
            await call.turns.breathe()
            kept = self._recent.get(name)
            if kept is not None:
                if kept.user_id == request.user_id:
                    return Answered(kept.value)
                return Answered(None, "`request_id` was another user's; expected a new one")
            if name in self._making:
                await asyncio.wait([self._making[name]])
                continue
            try:
                slate = await self._made(request, time.monotonic() < call.until_s, call.client)
            except NotReady as error:
                raise ProblemError(503, str(error)) from None
            except EventError as error:
                return Answered(None, str(error))
            if slate is not None:
                return Answered(self._outbox.send(slate, request, call.sent_s, call.headers))
            await asyncio.sleep(LOOK_S)

    async def _made(
        self, request: SlateRequest, can_wait: bool, client: str | None
    ) -> Slate | None:
        if self._responder.is_quick(request):
            try:
                return self._responder.answer(request, time.time(), can_wait, block=False)
            except Busy:
                pass
        made = self._threads.run(
            f"user {request.user_id}" if client is None else client,
            partial(self._responder.answer, request, time.time(), can_wait),
        )
        self._making[request.request_id] = made
        try:
            return await made
        finally:
            del self._making[request.request_id]


class _Call(NamedTuple):
    """What the requests of one call share."""

    headers: Headers
    sent_s: float
    until_s: float  # of `time.monotonic`
    turns: Turns
    client: str | None
