"""Patience: how long a step of a flush may go without progress, and that its waiting is said.

A broker that is cut off (not killed: nothing closes its connections) is waited for by each request
in turn; a flush of four requests once hung for minutes, long after the broker was back. So requests
are given up within `streams.group_settings.ANSWER_LIMITS`, and steps here.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from confluent_kafka import KafkaError, KafkaException

log = logging.getLogger(__name__)

NO_PROGRESS_S = 30.0
SAID_AFTER_S = 10.0


class Patience:
    """Of one step; `what` names it in the log."""

    def __init__(
        self,
        what: str,
        limit_s: float = NO_PROGRESS_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._limit_s = limit_s
        self._clock = clock
        self._moved_s = clock()
        self._said = False

    def moved(self) -> None:
        """There was progress."""
        self._moved_s, self._said = self._clock(), False

    def over(self, why: str = "") -> bool:
        """Whether there has been none for too long; says, once, that it is waited for."""
        waited_s = self._clock() - self._moved_s
        if waited_s > SAID_AFTER_S and not self._said:
            self._said = True
            log.warning("%s: no progress for %.0f s: %s", self._what, waited_s, why or "no answer")
        return waited_s > self._limit_s


def patiently(what: str, call: Callable[[], object]) -> None:
    """Repeat a call whose error is one that passes by itself, while there is patience.

    Raises
    ------
    KafkaException
        The last error.
    """
    patience = Patience(what)
    while True:
        try:
            call()
            return
        except KafkaException as failure:
            error: KafkaError = failure.args[0]
            if not error.retriable() or error.txn_requires_abort() or patience.over(error.str()):
                raise


async def end_unless_within(
    limit_s: float, work: Awaitable[None], end_process: Callable[[str], object], why: str
) -> None:
    """Await `work`; where it takes longer, end the process: what a flush held is read again.

    subtle: a call into librdkafka may wait for ever, and its thread cannot be stopped.
    """
    future = asyncio.ensure_future(work)
    done, _ = await asyncio.wait({future}, timeout=limit_s)
    if not done:
        end_process(f"{why}: what it held is read again")
    await future
