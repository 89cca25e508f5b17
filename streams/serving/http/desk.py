"""Desk: slate requests over HTTP, answered on the event loop.

1. a request whose slate is remembered gets that one
2. the responder is called directly; a slate goes to `slates` as those over Kafka
3. one that would get a better slate in a moment (`Responder.answer`) waits for it, up to WAIT_S,
   and holds nobody up
"""

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from streams.contract.events import EventError, SlateRequest
from streams.serving.answers import Headers
from streams.serving.http.endpoint import Turns
from streams.serving.http.outbox import Outbox
from streams.serving.http.problems import ProblemError
from streams.serving.recent_slates import RecentSlates
from streams.serving.responder import NotReady, Responder

WAIT_S = 0.1  # as over Kafka
LOOK_S = 0.005


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

    async def answer(self, requests: Sequence[SlateRequest], headers: Headers) -> list[Answered]:
        """Their slates, in order; `headers` stand on the records.

        Raises
        ------
        ProblemError
            Where nothing can be answered now.
        """
        self._outbox.check_room()
        sent_s, until_s = time.time(), time.monotonic() + WAIT_S
        answered: dict[int, Answered] = {}
        turns = Turns()
        waiting = list(range(len(requests)))
        while waiting:
            can_wait = time.monotonic() < until_s
            for at in waiting:
                found = self._now(requests[at], can_wait, sent_s, headers)
                if found is not None:
                    answered[at] = found
                await turns.breathe()
            waiting = [at for at in waiting if at not in answered]
            if waiting:
                await asyncio.sleep(LOOK_S)
        return [answered[at] for at in range(len(requests))]

    def _now(
        self, request: SlateRequest, can_wait: bool, sent_s: float, headers: Headers
    ) -> Answered | None:
        kept = self._recent.get(request.request_id)
        if kept is not None:
            if kept.user_id == request.user_id:
                return Answered(kept.value)
            return Answered(None, "`request_id` was another user's; expected a new one")
        try:
            slate = self._responder.answer(request, time.time(), can_wait)
        except NotReady as error:
            raise ProblemError(503, str(error)) from None
        except EventError as error:
            return Answered(None, str(error))
        return None if slate is None else Answered(self._outbox.send(slate, sent_s, headers))
