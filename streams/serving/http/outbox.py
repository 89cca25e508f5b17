"""Outbox: slates asked for over HTTP, on their way to `slates`. Lives on the event loop: deliveries
are heard of there, in small turns.
"""

import asyncio
import contextlib

from confluent_kafka import KafkaException

from streams.contract.events import Slate, SlateRequest
from streams.serving.answers import Answers, Headers
from streams.serving.http.problems import ProblemError

MOST_UNDER_WAY = 50_000  # slates of some kB: what brokers that are away may cost
BUSY_S = 0.002
FLUSH_LOOKS = 5  # flushes of `Answers.FLUSH_S` each, at the end


class Outbox:
    """Around the `Answers` of the event loop."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._begun = asyncio.Event()

    @property
    def under_way(self) -> int:
        """Slates that the brokers do not have yet."""
        return self._answers.under_way

    def check_room(self) -> None:
        """Raise `ProblemError` where brokers have been away for long."""
        if self._answers.under_way >= MOST_UNDER_WAY:
            msg = "expected the brokers to take slates, found them behind; try again in a moment"
            raise ProblemError(503, msg)

    def send(self, slate: Slate, request: SlateRequest, sent_s: float, headers: Headers) -> bytes:
        """Send a slate; its JSON. It is sent again until the brokers have it.

        Raises
        ------
        ProblemError
            If the producer cannot take it.
        """
        try:
            value = self._answers.send(slate, request, None, sent_s, _nothing, headers)
        except KafkaException as error:
            raise ProblemError(503, f"slates cannot be sent: {error.args[0].str()}") from None
        self._begun.set()
        return value

    async def run(self) -> None:
        """Hear of deliveries, for ever."""
        while True:
            await self._begun.wait()
            while self._answers.under_way:
                self._answers.poll()
                await asyncio.sleep(BUSY_S)
            self._begun.clear()

    async def flush(self) -> None:
        """Wait for what is under way, a while, beside the event loop; nobody sends any more."""
        for _ in range(FLUSH_LOOKS):
            if self._answers.under_way:
                with contextlib.suppress(KafkaException):
                    await asyncio.to_thread(self._answers.flush)


def _nothing() -> None:
    pass
