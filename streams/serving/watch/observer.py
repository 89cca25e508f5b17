"""Observer: looks at counting from outside, and only while somebody asks.

Whoever asks gets what was found last and is not kept: a look that takes long goes on by itself, and
a broker that is away costs a sentence, not the page.

    every LOOK_S      lags, from the brokers
    every SAMPLE_S    the last events and dead letters
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from confluent_kafka import KafkaException

from streams.contract.events import DeadLetter
from streams.kafka.admin import TopicsError
from streams.kafka.event_sample import Seen
from streams.serving.watch.funnel_view import FunnelView, now_waiting
from streams.serving.watch.lag_meter import Lag
from streams.serving.watch.observed import NOTHING

LOOK_S = 2.0
SAMPLE_S = 4.0
WAIT_S = 1.0  # for a look that is under way
LETTERS = 200


class Meter(Protocol):
    """Where lags come from."""

    def measure(self) -> list[Lag]:
        """Of every partition."""


class Sampler(Protocol):
    """Where events come from."""

    def sample(self) -> dict[bool, Seen]:
        """Of impressions (True) and clicks (False)."""


class Letters(Protocol):
    """Where dead letters come from."""

    def last(self, limit: int) -> list[DeadLetter]:
        """The last ones."""


class Look(NamedTuple):
    """What was found; `problem` says what could not be looked at, and why."""

    at_s: float = 0.0
    lags: Sequence[Lag] = ()
    moved_s: float = 0.0  # when offsets moved last, or nothing was left
    waiting: Mapping[str, int] = NOTHING  # by topic, at the look before
    sample: Mapping[bool, Seen] = NOTHING
    sampled_s: float = 0.0
    letters: Sequence[tuple[str, str, int]] = ()
    problem: str | None = None


class Observer:
    """`look` from the event loop; the calls to the brokers run beside it, one at a time.

    Parameters
    ----------
    funnel
        Follows the counts changelog.
    meter, sampler, letters
        Ask the brokers.
    clock
        Seconds since the epoch.
    """

    def __init__(
        self,
        funnel: FunnelView,
        meter: Meter,
        sampler: Sampler,
        letters: Letters,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.funnel = funnel
        self._meter = meter
        self._sampler = sampler
        self._letters = letters
        self._clock = clock
        self._found = Look()
        self._waiting: dict[str, int] = {}
        self._under_way: asyncio.Task[None] | None = None

    async def look(self) -> Look:
        """What was found lately."""
        if self._under_way is None and self._clock() - self._found.at_s >= LOOK_S:
            self._under_way = asyncio.create_task(self._again())
        if self._under_way is not None:
            await asyncio.wait([self._under_way], timeout=WAIT_S)
        return self._found

    async def _again(self) -> None:
        try:
            self._found = await asyncio.to_thread(self._look, self._found)
        finally:
            self._under_way = None

    def _look(self, before: Look) -> Look:
        now_s, problems = self._clock(), []
        waiting = {topic: now_waiting(each) for topic, each in self.funnel.funnel.items()}
        lags, sample, letters = before.lags, before.sample, before.letters
        try:
            lags = self._meter.measure()
        except (KafkaException, TopicsError) as error:
            problems.append(f"lag: {_words(error)}")
        sampled_s = before.sampled_s
        if now_s - sampled_s >= SAMPLE_S:
            sampled_s = now_s
            try:
                sample = self._sampler.sample()
                letters = _by_reason(self._letters.last(LETTERS))
            except (KafkaException, TopicsError) as error:
                problems.append(f"last events: {_words(error)}")
        moved = not any(lag.records for lag in lags) or _committed(lags) != _committed(before.lags)
        found = Look(
            at_s=now_s,
            lags=lags,
            moved_s=now_s if moved or not before.at_s else before.moved_s,
            waiting=self._waiting,
            sample=sample,
            sampled_s=sampled_s,
            letters=letters,
            problem="; ".join(problems) or None,
        )
        self._waiting = waiting
        return found


def _committed(lags: Sequence[Lag]) -> int:
    return sum(lag.committed or 0 for lag in lags)


def _by_reason(letters: Sequence[DeadLetter]) -> list[tuple[str, str, int]]:
    """Topics and reasons of dead letters, the most frequent first."""
    counts = Counter((letter.topic, letter.reason) for letter in letters)
    return [(topic, reason, number) for (topic, reason), number in counts.most_common(20)]


def _words(error: Exception) -> str:
    return error.args[0].str() if isinstance(error, KafkaException) else str(error)
