"""Process: the parts of a serving process put together, and its life.

    builder (thread)    follows counts, items, embeddings, releases; makes served states
    requests (thread)   slate requests from Kafka, answered from the state of the moment
    users (thread)      who was shown and clicked what
    embed (thread)      items that lack a vector
    releases (thread)   folders of releases that are not here
    this (event loop)   HTTP

Starts answering when the first state is made. At SIGTERM: not ready, answer what was read, leave
the group, answer what has come over HTTP, end.
"""

import asyncio
import logging
import os
import signal
import sys
import threading
import time
from typing import IO

from bandits.slates.variants import PolicyFile
from streams.config import Settings
from streams.contract.topics import TopicNames
from streams.kafka.admin import partitions_of_sources
from streams.kafka.client import connect
from streams.kafka.names import app_id
from streams.kafka.producer import EventSender
from streams.kafka.required_rights import check_rights, serving_rights
from streams.metrics import ServingMetrics
from streams.serving.answers import Answers
from streams.serving.builder import Builder
from streams.serving.http.server import HttpServer
from streams.serving.item_embedder import ItemEmbedder
from streams.serving.recent_slates import RecentSlates
from streams.serving.release_fetcher import ReleaseFetcher
from streams.serving.requests import Leave, Requests
from streams.serving.responder import Responder
from streams.serving.segment_slates import SegmentSlatesWriter
from streams.serving.users_follower import UsersFollower

log = logging.getLogger(__name__)

# The interpreter's lock goes round this often: an answer waits for a refresh in slices of it.
SWITCH_S = 0.0005
LOOK_S = 0.02
USERS_S = 5.0  # that requests wait for what is known of users; it comes all the same
EXIT_STATUS = 70  # EX_SOFTWARE, as a worker's


class ServingProcess:
    """One of any number of replicas; keeps nothing that a topic does not hold."""

    def __init__(self, settings: Settings, policy_file: PolicyFile, leave: Leave) -> None:
        names, client = TopicNames(settings.topic_prefix), settings.kafka_client()
        admin = connect(settings)
        check_rights(admin, serving_rights(settings))
        partitions = partitions_of_sources(admin, names)
        self.settings = settings
        self.metrics = ServingMetrics()
        self.builder = Builder(settings, policy_file, self.metrics, self._end)
        self.responder = Responder(
            policy_file,
            app_id(settings),
            settings.segment_fields,
            self.builder,
            self.builder.users,
            self.metrics,
        )
        recent = RecentSlates(settings.recent_slates_bytes)
        answers = Answers(EventSender(client, prompt=True), names, self.metrics, recent)
        self.requests = Requests(
            settings, self.responder, answers, self.metrics.group, leave, self._end
        )
        self._users = UsersFollower(client, names, partitions, self.builder.users)
        self.http = HttpServer(
            settings,
            self.metrics,
            self.builder,
            self.responder,
            recent,
            self.missing,
            lambda: self.requests.assigned,
        )
        self._in_bulk = EventSender(client)
        self._embedder = ItemEmbedder(
            self.builder.catalogue,
            self.builder.embeddings,
            partitions,
            lambda: self.requests.assigned,
            EventSender(client),
            names.item_embeddings,
            self.metrics,
        )
        fetcher = ReleaseFetcher(
            self.builder.embeddings, client, names.encoder_files, settings.releases_dir
        )
        self.builder.after_turn.append(fetcher.turn)
        self.builder.after_turn.append(
            lambda _now_s: self._embedder.turn(self.builder.changed_items)
        )
        if settings.segment_slates:
            writer = SegmentSlatesWriter(
                self.builder,
                settings.segment_slates,
                partitions,
                lambda: self.requests.assigned,
                self._in_bulk,
                names.segment_slates,
                self.metrics,
            )
            self.builder.after_turn.append(writer.turn)
        self._stopping = asyncio.Event()
        self._leaving = False

    def _end(self, reason: str) -> None:
        """End now, out of the group: others take over at once."""
        log.critical("%s", reason)
        self.requests.leave()
        end_process()

    def missing(self) -> list[str]:
        """What keeps this process from being ready, in words; empty when it is."""
        if self._leaving:
            return ["stopping"]
        reasons = self.builder.missing()
        if not reasons and not self.requests.joined:
            reasons = ["no partitions of slate-requests are assigned yet"]
        return reasons or self.requests.liveness.too_old()

    async def run(self, parent: IO[bytes] | None = None) -> None:
        """Answer until SIGTERM or SIGINT, or until `parent` ends.

        Raises
        ------
        OSError
            If the port cannot be had.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        if parent is not None:
            _when_ended(parent, lambda: loop.call_soon_threadsafe(self._stopping.set))
        await self.http.start()
        sys.setswitchinterval(SWITCH_S)
        self._embedder.start()
        self.builder.start()
        while self.builder.state is None and not self._stopping.is_set():
            await asyncio.sleep(LOOK_S)
        if not self._stopping.is_set():
            self._users.start()  # items have their numbers now
            began = time.monotonic()
            while not self._users.caught_up.is_set() and time.monotonic() < began + USERS_S:
                await asyncio.sleep(LOOK_S)
            self.requests.start()
        await self._stopping.wait()
        self._leaving = self.http.closing = True
        began = time.monotonic()
        await loop.run_in_executor(None, self.requests.stop, self.settings.shutdown_timeout_s)
        log.info("left the group after %.2f s", time.monotonic() - began)
        await asyncio.sleep(self.settings.http_drain_s - (time.monotonic() - began))
        self._embedder.stop()
        await loop.run_in_executor(None, self.builder.stop)
        self._users.stop()
        await self.http.stop()


def _when_ended(parent: IO[bytes], call: object) -> None:
    """Call when the other end of a pipe is closed."""

    def watch() -> None:
        while parent.read(1):
            pass
        call()  # type: ignore[operator]

    threading.Thread(target=watch, name="parent", daemon=True).start()


def end_process() -> None:
    """End now: every offset that is stored says what was answered, and a new process goes on."""
    logging.shutdown()
    os._exit(EXIT_STATUS)
