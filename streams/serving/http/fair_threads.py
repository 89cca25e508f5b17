"""FairThreads: calls in a few threads beside the event loop, in which clients take turns."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypeVar

from streams.serving.fair_queue import FairQueue

Result = TypeVar("Result")


class _Work(NamedTuple):
    call: Callable[[], Any]
    future: asyncio.Future[Any]


class FairThreads:
    """`run` from the event loop."""

    def __init__(self, threads: int) -> None:
        self._free = threads
        self._pool = ThreadPoolExecutor(threads, "http-slates")
        self._queue: FairQueue[_Work] = FairQueue()

    def run(self, client: str, call: Callable[[], Result]) -> asyncio.Future[Result]:
        """Its result, when the client's turn has come."""
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._queue.put(client, _Work(call, future))
        self._next()
        return future

    def _next(self) -> None:
        while self._free and (work := self._queue.take()) is not None:
            if not work.future.cancelled():
                self._free -= 1
                made = asyncio.get_running_loop().run_in_executor(self._pool, work.call)
                made.add_done_callback(partial(self._done, work.future))

    def _done(self, future: asyncio.Future[Any], made: asyncio.Future[Any]) -> None:
        self._free += 1
        error = made.exception()
        if not future.cancelled():
            if error is None:
                future.set_result(made.result())
            else:
                future.set_exception(error)
        self._next()
