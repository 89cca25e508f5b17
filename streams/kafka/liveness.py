"""Liveness: when a process last did what it must do again and again, and when that is too long ago.

    poll        the brokers' records were asked for, and an answer came
    flush       everything that was counted, or answered, was with the brokers
    heartbeat   the group's coordinator answered

A process whose only broker is dead goes on polling its clients and waits: its own threads show
nothing. These ages do.
"""

import time
from collections.abc import Callable, Mapping

POLL, FLUSH, HEARTBEAT = "poll", "flush", "heartbeat"
# a busy machine polls some times a second; a partition's leader moves within seconds
POLL_LIMIT_S = 10.0
FLUSH_LIMIT_S = 15.0


class Liveness:
    """Ages in seconds; any thread may note and ask.

    Parameters
    ----------
    limits_s
        By what happens: beyond it the process is not ready. What is not there never is too long
        ago.
    clock
        Seconds that go on while the machine sleeps or its time is set.
    """

    def __init__(
        self, limits_s: Mapping[str, float], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits_s = dict(limits_s)
        self._clock = clock
        self._last_s = dict.fromkeys(limits_s, clock())

    def happened(self, what: str, ago_s: float = 0.0) -> None:
        """It happened now, or a while ago."""
        self._last_s[what] = max(self._last_s[what], self._clock() - ago_s)

    def age_s(self, what: str) -> float:
        """Seconds since it happened last."""
        return self._clock() - self._last_s[what]

    def too_old(self) -> list[str]:
        """What is too long ago, in words; empty when nothing is."""
        return [
            f"the last {what} was {self.age_s(what):.0f} s ago (at most {limit_s:g} s is well)"
            for what, limit_s in self._limits_s.items()
            if self.age_s(what) > limit_s
        ]
