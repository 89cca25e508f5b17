"""Agents: what Faust runs. Each reads chunks, or items one by one, and hands them to the engine;
the tasks flush, expire, and remove what was set aside long ago.
"""

from typing import Any

import faust

from streams.contract.dead_letters import Place
from streams.worker.engine import Engine

EXPIRE_EVERY_S = 0.5
REMOVE_EVERY_S = 3600.0


def add_agents(app: faust.App, engine: Engine) -> None:
    """One agent per source of counts, and one for items; concurrency 1, since a partition's chunks
    must be applied in order.
    """
    for topic, source in sorted(engine.source.items()):

        async def agent(stream: Any, topic: str = topic) -> None:
            async for chunk in stream:
                await engine.handle(chunk)
                app.consumer.finished(topic)

        app.agent(
            app.topic(topic, key_serializer="raw", value_serializer="raw"), name=f"{source}-agent"
        )(agent)

    async def items(stream: Any) -> None:
        async for event in stream.events():
            message = event.message
            engine.check_item(
                Place(message.topic, message.partition, message.offset), message.key, message.value
            )

    app.agent(
        app.topic(
            engine.items_topic, key_serializer="raw", value_serializer="raw", allow_empty=True
        ),
        name="items-agent",
    )(items)


def add_tasks(app: faust.App, engine: Engine) -> None:
    """Flush, expire, and remove what was set aside long ago."""

    async def flush() -> None:
        while not app.should_stop:
            await app.sleep(engine.settings.flush_interval_ms / 1000)
            await engine.flush()

    async def expire() -> None:
        while not app.should_stop:
            await app.sleep(EXPIRE_EVERY_S)
            await engine.expire()

    async def remove_old() -> None:
        while not app.should_stop:
            await app.sleep(REMOVE_EVERY_S)
            await engine.store.remove_old()

    for task in (flush, expire, remove_old):
        app.task(task)
