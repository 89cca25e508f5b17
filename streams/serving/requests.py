"""Requests: slate requests from Kafka, each answered once, in a thread of its own.

The consumer group is `{app id}-serving`, assigned cooperatively. A request's offset is stored when
the broker has its answer, so every request is answered, after a crash perhaps twice. One that would
get a better slate in a moment waits for it aside, and holds nobody up.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.config import Settings
from streams.contract.dead_letters import Place
from streams.contract.events import EventError, SlateRequest
from streams.contract.topics import TopicNames
from streams.kafka.client import consuming
from streams.kafka.liveness import (
    FLUSH,
    FLUSH_LIMIT_S,
    HEARTBEAT,
    POLL,
    POLL_LIMIT_S,
    Liveness,
)
from streams.kafka.membership import read_statistics
from streams.kafka.names import serving_group
from streams.metrics import GroupMetrics
from streams.serving.accept import accept
from streams.serving.answers import Answers
from streams.serving.offsets import Offsets, Opened
from streams.serving.reply_headers import ReplyTo, reply_to
from streams.serving.responder import Responder

log = logging.getLogger(__name__)

IDLE_S = 0.05  # of a poll that finds nothing while nothing is under way
BUSY_S = 0.002  # while answers are: their delivery is to be heard of
AT_ONCE = 100  # requests between two looks at what is under way
WAIT_S = 0.1  # for a segment that is being prepared
MOST_WAITING = 1000  # beyond, nobody waits
COMMIT_MS = 500
STATISTICS_MS = 1000
NO_KEY = (
    "expected the user's id as key, found none: without it one user's events do not share a "
    "partition"
)


class Pending(NamedTuple):
    """A request that waits for a better slate, until a time of `time.monotonic`."""

    until_s: float
    asked: "Asked"


class Asked(NamedTuple):
    """A request with the record it came in."""

    request: SlateRequest
    opened: Opened
    sent_s: float  # time of the record
    reply: ReplyTo | None


class Requests:
    """The thread and its consumer.

    Parameters
    ----------
    settings
        Of the process.
    responder, answers
        Who makes slates, and who sends them.
    metrics
        Of the process and its group.
    fault
        Told once if the thread cannot go on.
    """

    def __init__(
        self,
        settings: Settings,
        responder: Responder,
        answers: Answers,
        metrics: GroupMetrics,
        fault: Callable[[str], None],
    ) -> None:
        self.assigned: frozenset[int] = frozenset()  # partitions, for other threads to read
        self.joined = False
        self.liveness = Liveness(
            {
                POLL: POLL_LIMIT_S,
                FLUSH: FLUSH_LIMIT_S,  # here: an answer that is under way arrived
                HEARTBEAT: settings.serving_session_timeout_s,
            }
        )
        metrics.watch(self.liveness.age_s, POLL, FLUSH, HEARTBEAT)
        self._metrics = metrics
        self._settings = settings
        self._responder = responder
        self._answers = answers
        self._fault = fault
        self._topic = TopicNames(settings.topic_prefix).slate_requests
        self._offsets = Offsets()
        self._waiting: deque[Pending] = deque()
        self._said: dict[str, float] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="requests", daemon=True)
        self._consumer: Consumer

    def start(self) -> None:
        """Join the group and answer."""
        self._thread.start()

    def stop(self, wait_s: float) -> None:
        """Answer what was read, leave the group, end."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(wait_s)

    # ---- the thread

    def _run(self) -> None:
        try:
            self._consumer = Consumer(self._config())
            self._consumer.subscribe(
                [self._topic],
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            while not self._stopping.is_set():
                self._turn()
            while self._waiting:  # nobody waits for better any more
                self._answer_waiting(late=True)
            self._answers.flush()
            self._consumer.close()
        except Exception as error:
            log.exception("requests")
            self._fault(f"slate requests cannot be read: {error}")

    def _config(self) -> dict[str, Any]:
        settings = self._settings
        config: dict[str, Any] = {
            **consuming(settings.kafka_client()),
            "group.id": serving_group(settings),
            "enable.auto.commit": True,
            "auto.commit.interval.ms": COMMIT_MS,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
            "fetch.queue.backoff.ms": 5,
            "queued.min.messages": 1000,
            "statistics.interval.ms": STATISTICS_MS,
            "stats_cb": self._statistics,
        }
        session_ms = int(settings.serving_session_timeout_s * 1000)
        if settings.serving_group_protocol == "consumer":
            # the broker has the session timeout and assigns (KIP-848)
            return config | {"group.protocol": "consumer"}
        return config | {
            "partition.assignment.strategy": "cooperative-sticky",
            "session.timeout.ms": session_ms,
            # members hear so late of a rebalance that replaces a dead one
            "heartbeat.interval.ms": session_ms // 20,
            # how long a rebalance waits for a member
            "max.poll.interval.ms": session_ms,
        }

    def _turn(self) -> None:
        under_way = bool(self._waiting) or self._answers.under_way > 0
        first = self._consumer.poll(BUSY_S if under_way else IDLE_S)
        self.liveness.happened(POLL)
        records = [] if first is None else [first, *self._consumer.consume(AT_ONCE - 1, 0)]
        for record in records:
            error = record.error()
            if error is None:
                self._take(record)
            else:
                self._say(error)
        if self._waiting:
            self._answer_waiting()
        self._answers.poll()
        self.liveness.happened(FLUSH, self._answers.silent_s())

    def _statistics(self, text: str) -> None:
        """What the client knows of its group and of the partitions' ends."""
        state, lag, heartbeat_ago_s = read_statistics(text, self._topic, self.assigned)
        self._metrics.look(state, lag)
        if heartbeat_ago_s is not None:
            self.liveness.happened(HEARTBEAT, heartbeat_ago_s)

    def _take(self, record: Any) -> None:
        opened = self._offsets.open(record.partition(), record.offset())
        try:
            asked = self._parsed(record, opened)
        except EventError as error:
            self._refuse(record, opened, str(error))
            return
        if not self._answer(asked, wait=len(self._waiting) < MOST_WAITING):
            self._waiting.append(Pending(time.monotonic() + WAIT_S, asked))

    def _refuse(self, record: Any, opened: Opened, reason: str) -> None:
        place = Place(self._topic, record.partition(), record.offset())
        self._answers.refuse(
            place, record.key(), record.value(), reason, lambda: self._done(opened)
        )

    def _parsed(self, record: Any, opened: Opened) -> Asked:
        if not record.key():
            raise EventError(NO_KEY)
        request = accept(record.value(), self._settings)
        reply = reply_to(record.headers(), self._settings.reply_topics)
        return Asked(request, opened, record.timestamp()[1] / 1000.0, reply)

    def _answer(self, asked: Asked, wait: bool) -> bool:
        """Send the answer; False if it is better to wait."""
        slate = self._responder.answer(asked.request, time.time(), wait)
        if slate is None:
            return False
        self._answers.send(
            slate, asked.request, asked.reply, asked.sent_s, lambda: self._done(asked.opened)
        )
        return True

    def _answer_waiting(self, late: bool = False) -> None:
        now_s = time.monotonic()
        for _ in range(len(self._waiting)):
            pending = self._waiting.popleft()
            if not self._answer(pending.asked, wait=not late and now_s < pending.until_s):
                self._waiting.append(pending)

    def _done(self, opened: Opened) -> None:
        reached = self._offsets.close(opened)
        if reached is None:
            return
        try:
            self._consumer.store_offsets(
                offsets=[TopicPartition(self._topic, opened.partition, reached)]
            )
        except KafkaException as error:  # the partition has gone: somebody else answers it again
            log.info("offset %d of partition %d: %s", reached, opened.partition, error)

    # ---- the group

    def _assigned(self, _consumer: Any, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._offsets.assign(each.partition)
        self.assigned |= {each.partition for each in partitions}
        self.joined = True
        log.info("answering partitions %s", sorted(self.assigned))

    def _revoked(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        while self._waiting:  # what was read is answered before somebody else reads on
            self._answer_waiting(late=True)
        self._answers.flush()
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                log.warning("offsets of requests were not committed: %s", error.args[0].str())
        self._lost(consumer, partitions)

    def _lost(self, _consumer: Any, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            self._offsets.drop(each.partition)
        self.assigned -= {each.partition for each in partitions}
        log.info("gave up partitions %s", sorted(each.partition for each in partitions))

    def _say(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        now_s = time.monotonic()
        if now_s - self._said.get(error.name(), -60.0) >= 30.0:
            self._said[error.name()] = now_s
            log.warning("slate requests: %s", error.str())
