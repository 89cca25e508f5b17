"""HTTP on the builder without a broker of `tests.streams.serving.world`: what is sent to Kafka
stays in a list, and is delivered when it is polled for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient, TestServer
from confluent_kafka import KafkaError, KafkaException, Message

from streams.contract.events import DeadLetter, Slate
from streams.contract.topics import TopicNames
from streams.kafka.event_sample import Seen
from streams.serving.answers import Answers
from streams.serving.dead_letter_reader import DeadLetterReader
from streams.serving.http.app import Api
from streams.serving.http.configuration import Configuration
from streams.serving.http.desk import Desk
from streams.serving.http.event_sender import EventLineSender
from streams.serving.http.events import Events
from streams.serving.http.health import HealthPages
from streams.serving.http.items import Items
from streams.serving.http.outbox import Outbox
from streams.serving.http.outcomes import OutcomesEndpoint
from streams.serving.http.segments import Segments
from streams.serving.http.slates import Slates
from streams.serving.http.status import Status
from streams.serving.recent_slates import RecentSlates
from streams.serving.watch.lag_meter import Lag
from streams.serving.watch.observer import Observer
from streams.serving.watch.outcome_watch import OutcomeWatch
from streams.serving.watch.slate_feedback import Found
from tests.streams.making import settings
from tests.streams.serving.world import World


class Sender:
    """Stands for `EventSender`."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes | None, bytes | None, dict[str, Any]]] = []
        self.error: KafkaError | None = None
        self.away = False
        self._unheard: list[Callable[[], None]] = []

    def send(
        self, topic: str, key: bytes | None, value: bytes | None, on_delivery: Any, **rest: Any
    ) -> None:
        self.sent.append((topic, key, value, rest))
        record = Message(topic=topic, partition=0, offset=0, key=key, value=value)
        error = self.error
        self._unheard.append(lambda: on_delivery(error, record))

    def poll(self, _wait_s: float = 0.0) -> None:
        if not self.away:
            heard, self._unheard = self._unheard, []
            for each in heard:
                each()


class Brokers:
    """Stands for what the observer asks: what it would find."""

    def __init__(self) -> None:
        self.lags: list[Lag] = []
        self.seen: dict[bool, Seen] = {}
        self.letters: list[DeadLetter] = []
        self.error: KafkaException | None = None

    def measure(self) -> list[Lag]:
        if self.error is not None:
            raise self.error
        return self.lags

    def sample(self) -> dict[bool, Seen]:
        return self.seen

    def last(self, _limit: int) -> list[DeadLetter]:
        return self.letters


class Feedback:
    """Stands for `SlateFeedback`."""

    def __init__(self) -> None:
        self.found = Found([], [], [], whole=True)

    def of(self, _slate: Slate) -> Found:
        return self.found


class Site:
    """The API, its client, and what it sent."""

    def __init__(self, tmp_path: Path, world: World | None = None, **environ: str) -> None:
        self.world = World(tmp_path).fill() if world is None else world
        world = self.world
        own = settings(tmp_path, **environ)
        names = TopicNames(own.topic_prefix)
        self.slates, self.events = Sender(), Sender()
        self.recent = RecentSlates(own.recent_slates_bytes)
        answers = Answers(self.slates, names, world.metrics, self.recent)  # type: ignore[arg-type]
        self.outbox = Outbox(answers)
        self.missing: list[str] = []
        self.brokers = Brokers()
        self.feedback = Feedback()
        observer = Observer(world.builder.funnel, self.brokers, self.brokers, self.brokers)
        self.outcomes = OutcomeWatch(
            world.builder.outcomes, world.builder.policy_file, world.metrics
        )
        self.health = HealthPages(
            own,
            world.builder,
            world.metrics,
            observer,
            self.outcomes,
            lambda: self.missing,
            lambda: frozenset({2, 1}),
            lambda: self.outbox.under_way,
        )
        self._sender = EventLineSender(self.events)  # type: ignore[arg-type]
        desk = Desk(world.responder, self.outbox, self.recent)
        self.api = Api(
            own,
            world.metrics,
            lambda: self.missing,
            [
                *Slates(own, world.responder, desk, self.recent, self.feedback).endpoints(),
                *Events(own, world.metrics, self._sender).endpoints(),
                *Segments(world.builder).endpoints(),
                *Items(world.builder).endpoints(),
                *self.health.endpoints(),
                *OutcomesEndpoint(self.outcomes).endpoints(),
                *Status(
                    world.builder, DeadLetterReader(own.kafka_client(), names.dead_letters)
                ).endpoints(),
                *Configuration(own, world.builder).endpoints(),
            ],
        )

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[TestClient[Any, Any]]:
        heard = asyncio.create_task(self.outbox.run())
        polled = asyncio.create_task(self._poll())
        async with TestClient(TestServer(self.api.app)) as client:
            yield client
        for task in (heard, polled):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _poll(self) -> None:
        while True:
            self.events.poll()
            await asyncio.sleep(0.002)

    def run(self, visit: Callable[[TestClient[Any, Any]], Awaitable[None]]) -> None:
        """Let a client visit."""

        async def whole() -> None:
            async with self.open() as client:
                await visit(client)

        run(whole())


def run(visit: Coroutine[Any, Any, None]) -> None:
    asyncio.run(visit)
