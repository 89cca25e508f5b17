"""Server: HTTP of one serving process, its producers, its start and its end.

At the end: answers say `Connection: close` as soon as the process is not ready, while balancers
hear of that; then no connection is taken any more, requests that have begun are answered, and the
brokers get what is under way.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from aiohttp import web

from streams.config import Settings
from streams.contract.topics import TopicNames
from streams.kafka.event_sample import EventSampler
from streams.kafka.names import app_id
from streams.kafka.producer import EventSender
from streams.metrics import ServingMetrics
from streams.serving.answers import Answers
from streams.serving.builder import Builder
from streams.serving.dead_letter_reader import DeadLetterReader
from streams.serving.http.access import is_loopback
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
from streams.serving.responder import Responder
from streams.serving.watch.lag_meter import LagMeter
from streams.serving.watch.observer import Observer
from streams.serving.watch.outcome_watch import OutcomeWatch
from streams.serving.watch.slate_feedback import SlateFeedback

log = logging.getLogger(__name__)

KEEP_ALIVE_S = 75.0  # longer than balancers keep a connection: they close it first


class HttpServer:
    """What listens. The parameters are the parts of the process that it asks."""

    def __init__(
        self,
        settings: Settings,
        metrics: ServingMetrics,
        builder: Builder,
        responder: Responder,
        recent: RecentSlates,
        missing: Callable[[], list[str]],
        assigned: Callable[[], frozenset[int]],
    ) -> None:
        names, client = TopicNames(settings.topic_prefix), settings.kafka_client()
        self._settings = settings
        answers = Answers(EventSender(client, prompt=True), names, metrics, recent)
        self._outbox = Outbox(answers)
        self._events = EventLineSender(EventSender(client, prompt=True))
        letters = DeadLetterReader(client, names.dead_letters)
        desk = Desk(responder, self._outbox, recent)
        feedback = SlateFeedback(client, names.impressions, names.clicks)
        sources = (names.impressions, names.clicks, names.slates)
        observer = Observer(
            builder.funnel,
            LagMeter(client, app_id(settings), sources),
            EventSampler(client, names.impressions, names.clicks),
            letters,
        )
        outcomes = OutcomeWatch(builder.outcomes, builder.policy_file, metrics)
        self._health = HealthPages(
            settings,
            builder,
            metrics,
            observer,
            outcomes,
            missing,
            assigned,
            lambda: self._outbox.under_way,
        )
        self.api = Api(
            settings,
            metrics,
            missing,
            [
                *Slates(settings, responder, desk, recent, feedback).endpoints(),
                *Events(settings, metrics, self._events).endpoints(),
                *Segments(builder).endpoints(),
                *Items(builder).endpoints(),
                *self._health.endpoints(),
                *OutcomesEndpoint(outcomes).endpoints(),
                *Status(builder, letters).endpoints(),
                *Configuration(settings, builder).endpoints(),
            ],
        )
        self._runner = web.AppRunner(
            self.api.app,
            access_log=None,
            keepalive_timeout=KEEP_ALIVE_S,
            shutdown_timeout=settings.shutdown_timeout_s,
        )
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def closing(self) -> bool:
        """Whether the process is about to end."""
        return self.api.door.closing

    @closing.setter
    def closing(self, closing: bool) -> None:
        self.api.door.closing = closing

    async def start(self) -> None:
        """Listen.

        Raises
        ------
        OSError
            If the port cannot be had.
        """
        settings = self._settings
        if not settings.http_token and not is_loopback(settings.http_host):
            log.warning(
                "everybody who reaches %s may read and write; set SLATESTREAM_HTTP_TOKEN",
                settings.http_host,
            )
        await self._runner.setup()
        await web.TCPSite(self._runner, settings.http_host, settings.http_port).start()
        self._events.start()
        for run in (self._outbox.run(), self._health.run()):
            self._tasks.append(asyncio.create_task(run))

    async def stop(self) -> None:
        """Answer what has begun, hand over what is under way, end."""
        self.closing = True
        self._health.close()
        await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._outbox.flush()
        self._events.stop()
