"""Steps that make no progress are said, then given up."""

from __future__ import annotations

import asyncio

import pytest

from streams.kafka.patience import Patience, end_unless_within


def test_work_that_does_not_return_ends_the_process() -> None:
    ended: list[str] = []

    async def run() -> None:
        await end_unless_within(5.0, asyncio.sleep(0), ended.append, "a flush")
        assert ended == []
        await end_unless_within(0.05, asyncio.sleep(0.2), ended.append, "a flush did not end")

    asyncio.run(run())
    assert ended == ["a flush did not end: what it held is read again"]


def test_waiting_is_said_once_and_over_after_the_limit(caplog: pytest.LogCaptureFixture) -> None:
    """Limit 30 s, said after 10: at 12 s it is said, at 31 s over; progress begins anew."""
    now = [0.0]
    patience = Patience("rows of a flush", 30.0, lambda: now[0])
    answers = []
    for now[0] in (5.0, 12.0, 20.0, 31.0):
        answers.append(patience.over("7 under way"))
    assert answers == [False, False, False, True]
    assert [record.getMessage() for record in caplog.records] == [
        "rows of a flush: no progress for 12 s: 7 under way"
    ]
    patience.moved()
    assert not patience.over()
