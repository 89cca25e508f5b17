"""Ages of what must happen again and again."""

from __future__ import annotations

from streams.kafka.liveness import FLUSH, HEARTBEAT, POLL, Liveness


def test_what_is_too_long_ago_is_said_with_its_age_and_limit() -> None:
    """Limits 10, 15 and 6 s; at 12 s the poll and the heartbeat of the start are too old."""
    now = [100.0]
    liveness = Liveness({POLL: 10.0, FLUSH: 15.0, HEARTBEAT: 6.0}, lambda: now[0])
    assert liveness.too_old() == []
    now[0] = 112.0
    assert liveness.too_old() == [
        "the last poll was 12 s ago (at most 10 s is well)",
        "the last heartbeat was 12 s ago (at most 6 s is well)",
    ]
    liveness.happened(POLL)
    liveness.happened(HEARTBEAT, ago_s=2.0)
    assert liveness.too_old() == []
    assert liveness.age_s(HEARTBEAT) == 2.0


def test_what_is_heard_of_late_makes_nothing_older() -> None:
    now = [100.0]
    liveness = Liveness({POLL: 10.0}, lambda: now[0])
    liveness.happened(POLL, ago_s=50.0)
    assert liveness.age_s(POLL) == 0.0
