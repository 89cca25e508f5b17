"""Agents hand chunks over in order, one at a time, and tell the transport when they are done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from streams.contract.dead_letters import Place
from streams.worker.agents import add_agents, add_tasks


class App:
    """What the agents use of Faust's app."""

    def __init__(self) -> None:
        self.agents: dict[str, Callable[[Any], Awaitable[None]]] = {}
        self.options: dict[str, dict[str, Any]] = {}
        self.tasks: list[Callable[[], Awaitable[None]]] = []
        self.log: list[Any] = []
        self.consumer = SimpleNamespace(
            finished=lambda topic: self.log.append(("finished", topic)), assignment=set
        )
        self.slept = 0

    @property
    def should_stop(self) -> bool:
        return self.slept >= 3

    async def sleep(self, _seconds: float) -> None:
        self.slept += 1

    def topic(self, name: str, **options: Any) -> str:
        self.options[name] = options
        return name

    def agent(self, topic: str, name: str) -> Callable[[Any], Any]:
        def registered(function: Any) -> Any:
            self.agents[topic] = function
            self.log.append(("agent", topic, name))
            return function

        return registered

    def task(self, function: Any) -> None:
        self.tasks.append(function)


class Engine:
    """Notes what it is asked."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.source = {"p.impressions": "impressions", "p.clicks": "clicks"}
        self.items_topic = "p.items"
        self.settings = SimpleNamespace(flush_interval_ms=100)
        self.store = SimpleNamespace(flush=self.flush, remove_old=self.remove_old)
        self.flushes = self.expired = self.removed = 0

    async def handle(self, chunk: str) -> None:
        self.app.log.append(("handle", chunk))

    def check_item(self, place: Place, key: bytes, value: bytes) -> None:
        self.app.log.append((place, key, value))

    async def remove_old(self) -> None:
        self.removed += 1

    async def flush(self) -> None:
        self.flushes += 1

    async def expire(self) -> None:
        self.expired += 1


def made() -> tuple[App, Engine, Any]:
    app = App()
    engine = Engine(app)
    return app, engine, engine


async def stream(*values: Any) -> AsyncIterator[Any]:
    for value in values:
        yield value


def test_each_source_has_an_agent_that_handles_chunks_in_order_and_reports_each() -> None:
    app, _engine, any_engine = made()
    any_app: Any = app
    add_agents(any_app, any_engine)
    assert [entry for entry in app.log if entry[0] == "agent"] == [
        ("agent", "p.clicks", "clicks-agent"),
        ("agent", "p.impressions", "impressions-agent"),
        ("agent", "p.items", "items-agent"),
    ]
    app.log.clear()
    asyncio.run(app.agents["p.clicks"](stream("c1", "c2")))  # type: ignore[arg-type]
    asyncio.run(app.agents["p.impressions"](stream("i1")))  # type: ignore[arg-type]
    assert app.log == [
        ("handle", "c1"),
        ("finished", "p.clicks"),
        ("handle", "c2"),
        ("finished", "p.clicks"),
        ("handle", "i1"),
        ("finished", "p.impressions"),
    ]


def test_items_are_checked_one_by_one_with_their_place() -> None:
    app, _engine, any_engine = made()
    any_app: Any = app
    add_agents(any_app, any_engine)
    app.log.clear()
    message = SimpleNamespace(topic="p.items", partition=2, offset=9, key=b"i", value=b"{}")
    asyncio.run(
        app.agents["p.items"](
            SimpleNamespace(events=lambda: stream(SimpleNamespace(message=message)))
        )
    )
    assert app.log == [(Place("p.items", 2, 9), b"i", b"{}")]
    assert app.options["p.items"]["allow_empty"]  # a withdrawal has no value


def test_tasks_flush_expire_and_remove_until_the_app_stops() -> None:
    app, engine, any_engine = made()
    any_app: Any = app
    add_tasks(any_app, any_engine)
    for task in app.tasks:
        app.slept = 0
        asyncio.run(task())  # type: ignore[arg-type]
    assert (engine.flushes, engine.expired, engine.removed) == (3, 3, 3)
