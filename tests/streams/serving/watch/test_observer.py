"""The observer: one look for all who ask, and brokers that are away cost a sentence."""

from __future__ import annotations

import asyncio
import threading

from confluent_kafka import KafkaError, KafkaException

from streams.contract.events import DeadLetter
from streams.contract.funnel_rows import FUNNEL_KEY, encode_funnel
from streams.kafka.event_sample import Seen
from streams.serving.watch.funnel_view import FunnelView, now_waiting
from streams.serving.watch.lag_meter import Lag
from streams.serving.watch.observer import LOOK_S, SAMPLE_S, Observer
from tests.streams.making import AT_MS, record
from tests.streams.serving.http.site import Brokers


class Clock:
    def __init__(self) -> None:
        self.now_s = 1e9

    def __call__(self) -> float:
        return self.now_s


def funnel(partition: int, waiting: int) -> object:
    value = encode_funnel({("clicks", "waiting"): waiting, ("clicks", "click"): 1})
    return record(value, FUNNEL_KEY, "log", partition)


def test_the_view_holds_the_last_row_of_each_partition() -> None:
    view = FunnelView()
    view.apply([funnel(0, 2), record(b"?", b"C\0\0", "log", 0), funnel(1, 3), funnel(0, 4)])
    assert view.funnel == {"clicks": {"waiting": 7, "click": 2}}
    assert view.counted_s == {0: AT_MS / 1000, 1: AT_MS / 1000}
    assert now_waiting(view.funnel["clicks"]) == 7


def test_looks_are_shared_and_come_at_most_so_often() -> None:
    clock, brokers, view = Clock(), Brokers(), FunnelView()
    observer = Observer(view, brokers, brokers, brokers, clock)

    async def run() -> None:
        brokers.lags = [Lag("clicks", 0, 5, None)]
        brokers.seen = {True: Seen(3)}
        brokers.letters = [DeadLetter("clicks", 0, n, "bad", None, "", 1.0) for n in range(3)]
        first, same = await asyncio.gather(observer.look(), observer.look())
        assert first is same
        assert (first.lags[0].records, first.letters) == (5, [("clicks", "bad", 3)])
        brokers.lags = [Lag("clicks", 0, 5, 3)]
        assert await observer.look() is first
        clock.now_s += LOOK_S
        view.apply([funnel(0, 2)])
        second = await observer.look()
        assert (second.lags[0].records, second.moved_s, second.waiting) == (2, clock.now_s, {})
        clock.now_s += LOOK_S
        third = await observer.look()
        assert third.waiting == {"clicks": 2}  # as it was a look ago
        assert third.moved_s == second.moved_s  # nothing was committed since

    asyncio.run(run())


def test_brokers_that_are_away_cost_a_sentence() -> None:
    clock, brokers = Clock(), Brokers()
    observer = Observer(FunnelView(), brokers, brokers, brokers, clock)

    async def run() -> None:
        brokers.lags = [Lag("clicks", 0, 5, 5)]
        assert (await observer.look()).problem is None
        brokers.error = KafkaException(KafkaError(KafkaError._TIMED_OUT, "no answer"))
        clock.now_s += SAMPLE_S
        found = await observer.look()
        assert found.problem is not None
        assert "no answer" in found.problem
        assert found.lags == [Lag("clicks", 0, 5, 5)]  # as far as is known

    asyncio.run(run())


def test_who_asks_does_not_wait_for_a_look_that_hangs() -> None:
    brokers, freed = Brokers(), threading.Event()

    class Hangs(Brokers):
        def measure(self) -> list[Lag]:
            freed.wait(30)
            return []

    observer = Observer(FunnelView(), Hangs(), brokers, brokers)

    async def run() -> None:
        assert (await observer.look()).at_s == 0.0
        freed.set()

    asyncio.run(run())
