"""Recovery: one restore for each generation, none for one that is over, and the flow resumes only
after it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from streams.counting.restore import Stuck
from streams.kafka.transaction import FatalCommit
from streams.worker.recovery import Recovery, TableManager


class World:
    """A recovery whose app, store and consumer note what is asked of them."""

    def __init__(self, restore: Callable[..., Any]) -> None:
        self.log: list[Any] = []
        coordinator = SimpleNamespace(member_id="member-1")
        consumer = SimpleNamespace(
            _thread=SimpleNamespace(
                _ensure_consumer=lambda: SimpleNamespace(_coordinator=coordinator)
            ),
            assignment=lambda: {TP("impressions", 2)},
            stop_flow=lambda: self.log.append("stop"),
        )
        self.store = SimpleNamespace(restore=restore, restore_in_place=None)
        engine = SimpleNamespace(
            store=self.store,
            owned=lambda assignment: {tp.partition for tp in assignment},
            end_process=self.end,
        )
        self.app: Any = SimpleNamespace(
            consumer=consumer, engine=engine, consumer_generation_id=5, rebalancing_count=9
        )
        self.stopping = False
        world = self

        class Watched(Recovery):
            """Stops when the test says so."""

            @property
            def should_stop(self) -> bool:
                return world.stopping

        self.recovery = Watched.__new__(Watched)
        self.recovery.app = self.app
        self.recovery._generation_id, self.recovery._rebalance = 5, 9

    def end(self, reason: str) -> None:
        self.log.append(("end", reason))


def test_a_restore_is_asked_for_what_is_assigned_under_the_member_of_the_generation() -> None:
    asked: list[Any] = []

    async def restore(
        generation: int, member: str, numbers: set[int], wanted: Callable[[], bool]
    ) -> bool:
        asked.append((generation, member, numbers, wanted()))
        return True

    world = World(restore)
    assert asyncio.run(world.recovery._restore(5, 9))
    assert asked == [(5, "member-1", {2}, True)]


@pytest.mark.parametrize("change", [{"consumer_generation_id": 6}, {"rebalancing_count": 10}])
def test_a_restore_is_not_wanted_any_more_once_a_rebalance_has_begun(
    change: dict[str, int],
) -> None:
    """Also one that has no generation yet."""
    wishes: list[bool] = []

    async def restore(
        _generation: int, _member: str, _numbers: set[int], wanted: Callable[[], bool]
    ) -> bool:
        wishes.append(wanted())
        vars(world.app).update(change)
        wishes.append(wanted())
        return wishes[-1]

    world = World(restore)
    assert not asyncio.run(world.recovery._restore(5, 9))
    assert wishes == [True, False]


def test_a_restore_is_not_wanted_by_a_worker_that_stops() -> None:
    async def restore(
        _generation: int, _member: str, _numbers: set[int], wanted: Callable[[], bool]
    ) -> bool:
        return wanted()

    world = World(restore)
    world.stopping = True
    assert not asyncio.run(world.recovery._restore(5, 9))


def run_task(world: World, signals: int) -> None:
    """The task, for `signals` rounds; what it does with Faust's services is noted."""
    recovery: Any = world.recovery

    async def wait_for_stopped(_signal: Any) -> bool:
        nonlocal signals
        signals -= 1
        return signals < 0

    async def resume(generation_id: int) -> None:
        world.log.append(("resume", generation_id))

    recovery.wait_for_stopped, recovery._resume_streams = wait_for_stopped, resume
    recovery._set_recovery_started = lambda: world.log.append("started")
    recovery._set_recovery_ended = lambda: world.log.append("ended")
    recovery._signal_recovery_start = SimpleNamespace(
        clear=lambda: None, set=lambda: world.log.append("signal")
    )
    asyncio.run(Recovery._restart_recovery.fun(recovery))


def test_the_flow_resumes_after_a_restore_and_stays_closed_after_one_that_came_too_late() -> None:
    answers = [True, False]

    async def restore(*_args: Any) -> bool:
        return answers.pop(0)

    world = World(restore)
    run_task(world, 2)
    assert world.log == ["started", "ended", ("resume", 5), "started"]


@pytest.mark.parametrize("failure", [Stuck("no progress"), FatalCommit("taken over")])
def test_a_restore_that_cannot_end_well_ends_the_process(failure: Exception) -> None:
    async def restore(*_args: Any) -> bool:
        raise failure

    world = World(restore)
    run_task(world, 3)
    assert world.log == ["started", ("end", str(failure))]


def test_an_undone_flush_stops_the_flow_and_restores_in_the_same_generation() -> None:
    async def restore(*_args: Any) -> bool:
        return True

    world = World(restore)
    run_task(world, 0)
    assert world.store.restore_in_place == world.recovery.again
    world.recovery.again()
    assert world.log == ["stop", "signal"]


def test_fausts_table_manager_is_replaced_and_subscribes_to_no_changelog() -> None:
    started: list[str] = []

    class Table:
        async def maybe_start(self) -> None:
            started.append("table")

    manager: Any = TableManager.__new__(TableManager)
    manager.data = {"counts": Table()}
    finalized, registered = asyncio.Event(), asyncio.Event()
    manager._tables_finalized, manager._tables_registered = finalized, registered
    asyncio.run(manager._update_channels())
    assert started == ["table"]
    assert finalized.is_set()
    assert registered.is_set()
    assert not getattr(manager, "_channels", None)
