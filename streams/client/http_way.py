"""HttpWay: a client's calls over HTTP, by an event loop in a thread of its own, which keeps
connections.

What is sent twice counts once, and the same request gets the same slate, so a connection that ends
under a call is tried once more.
"""

import asyncio
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import aiohttp
import msgspec

from streams.client.errors import ClientError
from streams.client.way import Line
from streams.contract.events import Slate, SlateRequest, decode_slate, encode
from streams.contract.http import Accepted

MOST_LINES = 1000  # of one call
CLOSE_S = 5.0
_accepted = msgspec.json.Decoder(Accepted)


class HttpWay:
    """See `streams.client.way.Way`; `timeout_s` is a call's."""

    def __init__(self, url: str, token: str, timeout_s: float) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="slatestream-http", daemon=True)
        self._thread.start()

    def ask(self, request: SlateRequest) -> Future[Slate]:
        """POST /v1/slates."""
        return asyncio.run_coroutine_threadsafe(self._ask(request), self._loop)

    def forget(self, request: SlateRequest) -> None:
        """Its call ends by its own time limit."""

    def send(self, lines: Sequence[Line]) -> Future[None]:
        """POST /v1/events."""
        return asyncio.run_coroutine_threadsafe(self._send(lines), self._loop)

    def close(self) -> None:
        """Close the connections."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(CLOSE_S)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(CLOSE_S)

    def _run(self) -> None:
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    async def _end(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def _ask(self, request: SlateRequest) -> Slate:
        return decode_slate(await self._post("/v1/slates", encode(request)))

    async def _send(self, lines: Sequence[Line]) -> None:
        for begin in range(0, len(lines), MOST_LINES):
            part = lines[begin : begin + MOST_LINES]
            body = b"\n".join(
                b'{"topic":"%b","event":%b}' % (line.topic.encode(), line.event) for line in part
            )
            found = _accepted.decode(await self._post("/v1/events", body))
            if found.rejected:
                first = found.rejected[0]
                msg = (
                    f"{len(found.rejected)} of {len(part)} events were refused, the first, number "
                    f"{begin + first.line}: {first.reason}"
                )
                raise ClientError(msg)

    async def _post(self, path: str, body: bytes) -> bytes:
        if self._session is None:
            self._session = aiohttp.ClientSession(headers=self._headers, timeout=self._timeout)
        for left in (1, 0):
            try:
                async with self._session.post(self._url + path, data=body) as answer:
                    found = await answer.read()
                    if answer.status < 300:
                        return found
                    msg = f"{path}: {_reason(found, answer.status)}"
                    raise ClientError(msg)
            except aiohttp.ServerDisconnectedError as error:
                if not left:
                    msg = f"expected an answer of {self._url}, found none: {error}"
                    raise ClientError(msg) from None
            except aiohttp.ClientError as error:
                msg = f"expected a serving process at {self._url}, found none: {error}"
                raise ClientError(msg) from None
            except TimeoutError:
                msg = f"expected an answer of {self._url} within {self._timeout.total:g} s"
                raise ClientError(msg) from None
        raise AssertionError


def _reason(body: bytes, status: int) -> str:
    try:
        found: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        found = None
    return found["error"] if isinstance(found, dict) and "error" in found else f"status {status}"
