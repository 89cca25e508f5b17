"""The collector looks at what has come since the last flush, and at everything once in a while."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from streams.worker import garbage as garbage_module
from streams.worker.garbage import ALL_EVERY_S, THRESHOLD, Garbage


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


class Cycle:
    """Refers to itself; only the collector frees it."""

    alive = 0

    def __init__(self) -> None:
        self.me = self
        Cycle.alive += 1

    def __del__(self) -> None:
        Cycle.alive -= 1


def test_what_is_there_after_a_flush_is_looked_at_once_in_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [1000.0]
    monkeypatch.setattr(garbage_module.time, "monotonic", lambda: now[0])
    garbage = Garbage()
    assert gc.get_threshold() == THRESHOLD
    Cycle()
    garbage.flushed()
    gc.collect()
    assert Cycle.alive == 1
    now[0] += ALL_EVERY_S + 1
    garbage.flushed()
    assert Cycle.alive == 0
