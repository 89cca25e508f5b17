"""Steps that make no progress are said, then given up."""

from __future__ import annotations

import pytest

from streams.kafka.patience import Patience


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
