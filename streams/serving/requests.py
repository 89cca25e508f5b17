"""Requests: slate requests from Kafka, each answered once, in a thread of its own.

The consumer group is `{app id}-serving`, assigned cooperatively. A request's offset is stored when
the broker has its answer, and what a former owner of a partition answered is looked up
(`streams.serving.arrivals`), so every request is answered, after a crash perhaps twice. One that
would get a better slate in a moment waits for it aside, and holds nobody up.

Users take turns (`streams.serving.backlog`), so answers leave the order of the log. A partition
that goes elsewhere is answered as far as anything of it was, in haste if need be: what was answered
out of order would be answered again.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from streams.config import Settings
from streams.contract.dead_letters import Place
from streams.contract.events import EventError
from streams.contract.topics import TopicNames
from streams.kafka.liveness import FLUSH, FLUSH_LIMIT_S, HEARTBEAT, POLL, POLL_LIMIT_S, Liveness
from streams.kafka.membership import read_statistics
from streams.metrics import GroupMetrics
from streams.serving.accept import accept
from streams.serving.answered import AnsweredBefore
from streams.serving.answers import Answers
from streams.serving.arrivals import Arrivals
from streams.serving.backlog import Asked, Backlog, Read
from streams.serving.consumer_config import consumer_config, is_static
from streams.serving.offsets import Offsets, Opened
from streams.serving.reply_headers import reply_to
from streams.serving.responder import Responder
from streams.serving.waiting import SLICE_S, Waiting

log = logging.getLogger(__name__)

IDLE_S = 0.05  # of a poll that finds nothing while nothing is under way
BUSY_S = 0.002  # while answers are: their delivery is to be heard of
FINISH_S, HASTE_S = 1.0, 3.0  # of answering what was read, then in haste: a rebalance waits 6 s
NO_KEY = "expected the user's id as key, found none: else a user's events share no partition"
Leave = Callable[[Callable[[], str]], object]  # given what says the member's id


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
    leave
        Tells the group's coordinator that a member leaves.
    fault
        Told once if the thread cannot go on.
    """

    def __init__(
        self,
        settings: Settings,
        responder: Responder,
        answers: Answers,
        metrics: GroupMetrics,
        leave: Leave,
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
        self._leave = leave
        self._fault = fault
        self._topic = TopicNames(settings.topic_prefix).slate_requests
        self._offsets = Offsets()
        self._backlog = Backlog()
        self._furthest: defaultdict[int, int] = defaultdict(int)  # offset answered, by partition
        names = TopicNames(settings.topic_prefix)
        self._before = AnsweredBefore(settings.kafka_client(), names.slates)
        self._arrivals = Arrivals(self._topic, self._before)
        self._waiting = Waiting()
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

    def member_id(self) -> str:
        """What the group's coordinator calls this member; empty while it is none."""
        return str(self._consumer.memberid() or "") if self.joined else ""

    def leave(self) -> None:
        """Leave the group at once, from any thread: the process ends."""
        self._leave(self.member_id)

    # ---- the thread

    def _run(self) -> None:
        try:
            self._consumer = Consumer(consumer_config(self._settings, self._statistics))
            self._consumer.subscribe(
                [self._topic],
                on_assign=self._assigned,
                on_revoke=self._revoked,
                on_lost=self._lost,
            )
            while not self._stopping.is_set():
                self._turn()
            self._finish(lambda _partition: True)
            self._before.stop()
            member = self.member_id()
            self._consumer.close()
            if is_static(self._settings):  # a client with a name does not leave by itself
                self._leave(lambda: member)
        except Exception as error:
            log.exception("requests")
            self._fault(f"slate requests cannot be read: {error}")

    def _turn(self) -> None:
        under_way = bool(self._waiting) or self._answers.under_way > 0
        wait_s = BUSY_S if under_way else IDLE_S
        for record in self._arrivals.ready(self._consumer):
            self._put(record)
        self._read(0.0 if self._backlog else wait_s)
        until_s = time.monotonic() + SLICE_S
        while (read := self._backlog.take()) is not None:
            self._take(read)
            if time.monotonic() > until_s:
                break
        if self._waiting:
            self._waiting.answer(self._answer)
        self._answers.poll()
        self.liveness.happened(FLUSH, self._answers.silent_s())

    def _statistics(self, text: str) -> None:
        """What the client knows of its group and of the partitions' ends."""
        state, lag, heartbeat_ago_s = read_statistics(text, self._topic, self.assigned)
        self._metrics.look(state, lag)
        if heartbeat_ago_s is not None:
            self.liveness.happened(HEARTBEAT, heartbeat_ago_s)

    def _read(self, wait_s: float) -> None:
        """Take what has come; one record when there is no room: members of a group must poll, and
        one at least is answered in each turn.
        """
        first = self._consumer.poll(wait_s)
        self.liveness.happened(POLL)
        if first is None:
            return
        room = self._backlog.room
        for record in [first, *(self._consumer.consume(room, 0) if room > 0 else ())]:
            error = record.error()
            if error is not None:
                self._say(error)
            elif not self._arrivals.holds(self._consumer, record):
                self._put(record)

    def _put(self, record: Any) -> None:
        self._backlog.put(record, self._offsets.open(record.partition(), record.offset()))

    def _take(self, read: Read, wait: bool = True, hurried: bool = False) -> None:
        record, opened = read
        self._furthest[opened.partition] = max(opened.offset, self._furthest[opened.partition])
        try:
            asked = self._parsed(record, opened)
        except EventError as error:
            self._refuse(record, opened, str(error))
            return
        # a reply to a topic of the client's may be missing where the slate is there
        if asked.reply is None and self._arrivals.answered(record, asked.request.request_id):
            self._done(opened)
            return
        if not self._answer(asked, wait and self._waiting.room_for(asked), hurried):
            self._waiting.add(asked)

    def _finish(self, which: Callable[[int], bool]) -> None:
        """Answer what was read of partitions that go: in turns for a while, then in haste what lies
        before something that was answered. The rest is the next process's.
        """
        while self._waiting:
            self._waiting.answer(self._answer, late=True)
        until_s, hurried = time.monotonic() + FINISH_S, 0
        for read in self._backlog.take_all(which):
            left_s, furthest = until_s - time.monotonic(), self._furthest
            if left_s > 0:
                self._take(read, wait=False)
            elif left_s > -HASTE_S and read.opened.offset < furthest[read.opened.partition]:
                self._take(read, wait=False, hurried=True)
                hurried += 1
            self._answers.poll()
        if hurried:
            log.warning("%d requests got fallback slates: their partitions go elsewhere", hurried)
        self._answers.flush()

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

    def _answer(self, asked: Asked, wait: bool, hurried: bool = False) -> bool:
        """Send the answer; False if it is better to wait."""
        slate = self._responder.answer(asked.request, time.time(), wait, hurried=hurried)
        if slate is None:
            return False
        self._answers.send(
            slate, asked.request, asked.reply, asked.sent_s, lambda: self._done(asked.opened)
        )
        return True

    def _done(self, opened: Opened) -> None:
        reached = self._offsets.close(opened)
        if reached is None:
            return
        self._arrivals.reached(opened.partition, reached)
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
            self._furthest.pop(each.partition, None)
            self._arrivals.came(each.partition)
        self.assigned |= {each.partition for each in partitions}
        self.joined = True
        log.info("answering partitions %s", sorted(self.assigned))

    def _revoked(self, consumer: Any, partitions: list[TopicPartition]) -> None:
        numbers = {each.partition for each in partitions}
        self._finish(numbers.__contains__)
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as error:
            if error.args[0].code() != KafkaError._NO_OFFSET:
                log.warning("offsets of requests were not committed: %s", error.args[0].str())
        self._lost(consumer, partitions)

    def _lost(self, _consumer: Any, partitions: list[TopicPartition]) -> None:
        self._backlog.take_all({each.partition for each in partitions}.__contains__)
        for each in partitions:
            self._offsets.drop(each.partition)
            self._arrivals.went(each.partition)
        self.assigned -= {each.partition for each in partitions}
        log.info("gave up partitions %s", sorted(each.partition for each in partitions))

    def _say(self, error: KafkaError) -> None:
        if error.fatal():
            raise KafkaException(error)
        now_s = time.monotonic()
        if now_s - self._said.get(error.name(), -60.0) >= 30.0:
            self._said[error.name()] = now_s
            log.warning("slate requests: %s", error.str())
