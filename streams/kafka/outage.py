"""Outage: brokers that are away are said once, then every 30 s, then once when they are back.

A dozen clients of two libraries each try again several times a second, and each says so: ten
thousand lines in a minute. A filter on the handlers of the log knows these lines; a thread looks
whether they have ended and the brokers answer.

    line about a broker -> first: said    within AGAIN_S: left out    then: said, with how many were
    no such line for QUIET_S, and the brokers answer -> said once
"""

import logging
import re
import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from streams.config import Settings, SettingsError

AGAIN_S = 30.0
# a client that has backed off tries again, and complains, at least every 10 s
QUIET_S = 10.0
LOOK_EVERY_S = 1.0
ANSWER_TIMEOUT_S = 2.0

log = logging.getLogger(__name__)
complaints = logging.getLogger("streams.kafka.complaints")
# a command without logging says its failure itself, in one line
complaints.addHandler(logging.NullHandler())

# what aiokafka says when it cannot talk to a broker; other faults of these loggers pass
_CANNOT_TALK = re.compile(
    r"Unable connect to node|Unable to update metadata|Unable to request metadata|"
    r"NodeNotReadyError|KafkaConnectionError|RequestTimedOutError|KafkaTimeoutError|"
    r"Marking the coordinator dead|Connection at \S+ closed|Heartbeat send request failed"
)


def broker_error(error: KafkaError) -> None:
    """`error_cb` of clients that poll all the time: says why a broker cannot be used."""
    complaints.error("%s", error.str())


class Outage(logging.Filter):
    """Lets few of the lines about brokers that are away pass.

    Parameters
    ----------
    answers
        Whether the brokers answer; asked in a thread while they are away.
    clock
        Seconds.
    """

    def __init__(
        self, answers: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._answers = answers
        self._clock = clock
        self._lock = threading.Lock()
        self._since_s: float | None = None  # None: no outage
        self._said_s = self._last_s = 0.0
        self._left_out = 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is said; of one that is, in an outage, with how many were not."""
        if not _about_brokers(record):
            return True
        if "outage" not in record.__dict__:  # two handlers, one line
            record.__dict__["outage"] = self._decide(record)
        return bool(record.__dict__["outage"])

    def _decide(self, record: logging.LogRecord) -> bool:
        with self._lock:
            now_s = self._last_s = self._clock()
            if self._since_s is None:
                self._since_s = self._said_s = now_s
                self._left_out = 0
                self._start_looking()
                added = f"said again every {AGAIN_S:g} s until they answer"
            elif now_s - self._said_s >= AGAIN_S:
                self._said_s = now_s
                added = (
                    f"for {now_s - self._since_s:.0f} s now, {self._left_out} lines like this "
                    "left out"
                )
            else:
                self._left_out += 1
                return False
        record.msg = f"brokers cannot be reached ({added}): {record.getMessage()}"
        record.args = ()
        return True

    def _start_looking(self) -> None:
        threading.Thread(target=self._look, name="outage", daemon=True).start()

    def _look(self) -> None:
        while not self.over():
            time.sleep(LOOK_EVERY_S)

    def over(self) -> bool:
        """Whether the outage has ended; says so, once."""
        with self._lock:
            since_s, last_s = self._since_s, self._last_s
        if since_s is None:
            return True
        if self._clock() - last_s < QUIET_S or not self._answers():
            return False
        with self._lock:
            if self._last_s != last_s:  # a line came while the brokers were asked
                return False
            self._since_s = None
        log.warning(
            "the brokers answer again, after %.0f s; %d lines were left out",
            last_s - since_s,
            self._left_out,
        )
        return True


def _about_brokers(record: logging.LogRecord) -> bool:
    if record.name == complaints.name:
        return True
    return (
        record.name.startswith("aiokafka")
        and record.levelno >= logging.WARNING
        and _CANNOT_TALK.search(record.getMessage()) is not None
    )


def limit_complaints(settings: Settings) -> Outage:
    """Put the filter on every handler of the root logger; for a process whose logging is set up."""

    def answers() -> bool:
        try:
            AdminClient(settings.kafka_client()).list_topics(timeout=ANSWER_TIMEOUT_S)
        except (KafkaException, SettingsError):
            return False
        return True

    outage = Outage(answers)
    for handler in logging.getLogger().handlers:
        handler.addFilter(outage)
    return outage
