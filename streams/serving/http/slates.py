"""Slates over HTTP: ask for one, for many, and look one up."""

import asyncio
import time
import uuid
from typing import Any, Protocol

import msgspec
import orjson
from aiohttp import web
from confluent_kafka import KafkaException

from streams.config import Settings
from streams.contract.events import (
    EventError,
    Slate,
    SlateRequest,
    decode_slate,
    decode_slate_request,
    encode,
)
from streams.contract.http import Batch, ExplainedSlate, LastSlates, Limit, ServedSlate
from streams.serving.accept import accept
from streams.serving.explain import explain
from streams.serving.http.access import Access
from streams.serving.http.desk import Answered, Desk
from streams.serving.http.door import ACCESS, ADDRESS, TRACE
from streams.serving.http.endpoint import JSON, Endpoint, Parameter, Turns, answer, body_of, query
from streams.serving.http.problems import ProblemError
from streams.serving.recent_slates import RecentSlates
from streams.serving.replay import filtered, replay, score_terms
from streams.serving.responder import Responder
from streams.serving.watch.slate_feedback import Found

MOST_AT_ONCE = 100
OPTIONAL = ("request_id", "ts")  # over HTTP
EXPLAIN = Parameter("explain", bool, "also say what could not be shown, and why", default=False)
LIMIT = Parameter("limit", Limit, "slates, 1 to 1000", default=20)
SLATE_ID = Parameter("slate_id", str, "of the slate, its `request_id`", "path")


class Feedback(Protocol):
    """Where it is read what was done with a slate."""

    def of(self, slate: Slate) -> Found:
        """What was seen, clicked and converted; blocks."""


class Slates:
    """The handlers."""

    def __init__(
        self,
        settings: Settings,
        responder: Responder,
        desk: Desk,
        recent: RecentSlates,
        feedback: Feedback,
    ) -> None:
        self._settings = settings
        self._responder = responder
        self._desk = desk
        self._recent = recent
        self._feedback = feedback

    def endpoints(self) -> list[Endpoint]:
        """Rows of the table."""
        return [
            Endpoint(
                "POST",
                "/v1/slates",
                self.one,
                "Ask for a slate",
                Access.PUBLIC,
                answer=ExplainedSlate,
                body={JSON: SlateRequest},
                optional=OPTIONAL,
                parameters=(EXPLAIN,),
                problems=(503,),
            ),
            Endpoint(
                "POST",
                "/v1/slates:batch",
                self.batch,
                f"Ask for up to {MOST_AT_ONCE} slates",
                Access.PUBLIC,
                answer=Batch,
                body={JSON: list[SlateRequest]},
                optional=OPTIONAL,
                parameters=(EXPLAIN,),
                problems=(503,),
            ),
            Endpoint(
                "GET",
                "/v1/slates",
                self.last,
                "The slates that this process served last, the newest first",
                Access.FULL,
                answer=LastSlates,
                parameters=(LIMIT,),
            ),
            Endpoint(
                "GET",
                "/v1/slates/{slate_id}",
                self.look_up,
                "A slate served lately by this process, explained; what was seen and clicked",
                Access.FULL,
                answer=ServedSlate,
                parameters=(SLATE_ID,),
                problems=(404, 503),
            ),
        ]

    async def one(self, request: web.Request) -> web.Response:
        """POST /v1/slates."""
        explained = _explained(request)
        try:
            wanted = self._request(_loaded(await body_of(request)))
        except EventError as error:
            raise ProblemError(400, str(error)) from None
        (found,) = await self._desk.answer([wanted], request[TRACE].of_record(), _client(request))
        if found.slate is None:
            raise ProblemError(400, found.error or "")
        return answer(await self._explain(wanted, found.slate) if explained else found.slate)

    async def batch(self, request: web.Request) -> web.Response:
        """POST /v1/slates:batch."""
        explained = _explained(request)
        found = _loaded(await body_of(request))
        if not isinstance(found, list) or not 1 <= len(found) <= MOST_AT_ONCE:
            what = f"{len(found)} entries" if isinstance(found, list) else "something else"
            msg = f"expected a JSON array of 1 to {MOST_AT_ONCE} slate requests, found {what}"
            raise ProblemError(400, msg)
        wanted: dict[int, SlateRequest] = {}
        answered: dict[int, Answered] = {}
        turns = Turns()
        for at, each in enumerate(found):
            try:
                wanted[at] = self._request(each)
            except EventError as error:
                answered[at] = Answered(None, str(error))
            await turns.breathe()
        slates = await self._desk.answer(
            list(wanted.values()), request[TRACE].of_record(), _client(request)
        )
        answered |= zip(wanted, slates, strict=True)
        parts = []
        for at in range(len(found)):
            slate, reason = answered[at]
            if slate is not None and explained:
                slate = await self._explain(wanted[at], slate)
            parts.append(
                b'{"slate":%b}' % slate if slate is not None else orjson.dumps({"error": reason})
            )
            await turns.breathe()
        return answer(b'{"slates":[%b]}' % b",".join(parts))

    async def last(self, request: web.Request) -> web.Response:
        """GET /v1/slates."""
        kept = self._recent.last(query(request, LIMIT))
        return answer(b'{"slates":[%b]}' % b",".join(each.value for each in kept))

    async def look_up(self, request: web.Request) -> web.Response:
        """GET /v1/slates/{slate_id}."""
        slate_id = request.match_info["slate_id"]
        kept = self._recent.get(slate_id)
        if kept is None:
            msg = (
                f"no slate {slate_id[:100]!r} was served lately by this process; slates of other "
                "processes and older ones stand in the topic `slates`"
            )
            raise ProblemError(404, msg)
        slate = decode_slate(kept.value)
        try:
            found = await asyncio.to_thread(self._feedback.of, slate)
        except KafkaException as error:
            msg = f"what was done with it cannot be read: {error.args[0].str()}"
            raise ProblemError(503, msg) from None
        wanted = decode_slate_request(kept.request)
        eligible, filtered_ = await asyncio.to_thread(filtered, self._responder, wanted)
        again = await asyncio.to_thread(replay, self._responder, slate, wanted)
        return answer(
            ServedSlate(
                slate,
                wanted,
                score_terms(self._responder, slate, wanted),
                eligible,
                filtered_,
                again,
                found.seen,
                found.clicked,
                found.converted,
                found.whole,
            )
        )

    def _request(self, found: Any) -> SlateRequest:
        """A slate request; what may be left out over HTTP is filled in.

        Raises
        ------
        EventError
            For what a request over Kafka would be a dead letter for.
        """
        if not isinstance(found, dict):
            msg = "expected a JSON object, found something else"
            raise EventError(msg)
        if found.get("request_id") is None:
            found["request_id"] = str(uuid.uuid4())
        if found.get("ts") is None:
            found["ts"] = time.time()
        return accept(orjson.dumps(found), self._settings)

    async def _explain(self, wanted: SlateRequest, value: bytes) -> bytes:
        state = self._responder.state
        if state is None:
            return value
        variant = self._responder.assigned(wanted).variant.name
        eligible, filtered = await asyncio.to_thread(
            explain, state, self._responder.source, wanted, variant
        )
        slate = msgspec.structs.asdict(decode_slate(value))
        return encode(ExplainedSlate(**slate, eligible=eligible, filtered=filtered))


def _client(request: web.Request) -> str | None:
    """Who asks: an address with the public token; with the other one each user by himself, since
    whoever has it is trusted and asks for many.
    """
    return None if request[ACCESS] >= Access.FULL else request[ADDRESS]


def _loaded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProblemError(400, f"expected JSON, found broken JSON: {error}") from None


def _explained(request: web.Request) -> bool:
    explained: bool = query(request, EXPLAIN)
    if explained and request[ACCESS] < Access.FULL:
        msg = "expected SLATESTREAM_HTTP_TOKEN with `explain`, found the public token"
        raise ProblemError(401, msg)
    return explained
