"""Endpoint: one row of the table that routes, access and the OpenAPI document are made from; and
what all handlers do: read a body, read a number, write an answer, let others have their turn.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Struct

from streams.contract.events import encode
from streams.serving.http.access import Access
from streams.serving.http.problems import ProblemError

READ_S = 10.0  # a body that takes longer holds a connection and a buffer for nothing
TURN_S = 0.001  # of the event loop: slates wait for it
JSON = "application/json"
JSON_LINES = "application/x-ndjson"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Parameter(NamedTuple):
    """One in the path or the query."""

    name: str
    type: Any
    help: str
    place: str = "query"
    default: Any = None


# of endpoints that pages call by `navigator.sendBeacon`, which sends no headers
TOKEN = Parameter("token", str, "SLATESTREAM_HTTP_PUBLIC_TOKEN, where no header can be sent")


class Endpoint(NamedTuple):
    """One method of one path.

    Attributes
    ----------
    method, path, handler
        What is called.
    summary
        One line.
    access
        The least that it needs.
    answer
        Type of the answer's body, None where it is free JSON.
    status
        Of a good answer.
    body
        Type of the request's body, by content type.
    optional
        Fields of the body that may be left out here, though elsewhere they may not.
    parameters
        In path and query.
    problems
        Statuses besides those that every endpoint has.
    kind
        Content type of a good answer.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    access: Access
    answer: Any = None
    status: int = 200
    body: dict[str, Any] | None = None
    optional: tuple[str, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    problems: tuple[int, ...] = ()
    kind: str = JSON


def answer(value: Struct | bytes, status: int = 200) -> web.Response:
    """JSON of a struct, or as it is."""
    body = value if isinstance(value, bytes) else encode(value)
    return web.Response(body=body, status=status, content_type=JSON)


async def body_of(request: web.Request) -> bytes:
    """The body.

    Raises
    ------
    ProblemError
        For one that is not there after `READ_S`.
    """
    try:
        async with asyncio.timeout(READ_S):
            return await request.read()
    except TimeoutError:
        msg = f"expected the whole body within {READ_S:g} s, found a part of it; send it at once"
        raise ProblemError(400, msg) from None


def query(request: web.Request, parameter: Parameter) -> Any:
    """A parameter of the query.

    Raises
    ------
    ProblemError
        For a value of another type, or out of range.
    """
    text = request.query.get(parameter.name)
    if text is None:
        return parameter.default
    try:
        return msgspec.convert(text, parameter.type, strict=False)
    except msgspec.ValidationError as error:
        msg = f"`{parameter.name}` ({parameter.help}): {str(error).lower()}, found {text[:100]!r}"
        raise ProblemError(400, msg) from None


class Turns:
    """Long work of a handler in turns of the event loop; tasks may share one."""

    def __init__(self) -> None:
        self._turn = 0
        self._until_s = time.perf_counter() + TURN_S

    async def breathe(self) -> None:
        """Let others go on if this turn has taken its time."""
        while time.perf_counter() > self._until_s:
            turn = self._turn
            await asyncio.sleep(0)
            # subtle: all tasks that waited come back in one turn: the first begins it, and those
            # for whom no time is left wait for the next
            if turn == self._turn:
                self._turn += 1
                self._until_s = time.perf_counter() + TURN_S
