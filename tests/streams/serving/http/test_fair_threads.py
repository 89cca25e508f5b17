"""Calls beside the event loop: clients take turns, errors come through."""

from __future__ import annotations

import asyncio
import threading

import pytest

from streams.serving.http.fair_threads import FairThreads


def test_clients_take_turns_and_what_a_call_raises_is_raised() -> None:
    async def visit() -> None:
        threads, begun, hold = FairThreads(1), list[str](), threading.Event()

        def call(name: str) -> str:
            hold.wait(10)
            begun.append(name)
            if name == "b0":
                raise KeyError(name)
            return name

        made = {
            name: threads.run(name[0], lambda name=name: call(name))
            for name in ("a0", "a1", "a2", "b0", "c0", "c1")
        }
        made["a2"].cancel()  # nobody waits for it any more: it is not made
        hold.set()
        assert await made["c1"] == "c1"
        with pytest.raises(KeyError):
            await made["b0"]
        assert begun == ["a0", "a1", "b0", "c0", "c1"]

    asyncio.run(visit())
