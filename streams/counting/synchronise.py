"""Synchroniser: records of one topic that wait until another topic of the same partition has been
read up to their time. Topics form a chain: clicks follow impressions, impressions follow slates.

A record is handed out when one of these holds for its leader, the partition of the same number of
the topic that it follows:
  - a newer record of the leader was handed out;
  - the leader's records are handed out up to the end that was measured before this assignment, and
    the record is older than that measurement by `SKEW_MS`: an old log;
  - the leader has nothing left before an end that its broker was asked for after the record came
    here (`wanted`), and has had nothing left for `SETTLE_S` since: the development broker is late
    in naming an end;
  - none of the record's partition was handed out for `PATIENCE_S`: the leader's broker may be away,
    or its clock wrong. The order is worth time and is not promised, attribution takes any.

Both times are of a clock that goes only while records are read: a process that was stopped has not
waited. Of each partition `MOST_HELD` records wait in memory at most; then it is paused.
"""

import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

# Records of one partition; a resumed one is fetched again from where it stood. At 100,000 records a
# second 15,000 wait for `SETTLE_S`.
MOST_HELD = 20_000
SETTLE_S = 0.15  # the consumer asks each broker every 50 ms (`fetch.wait.max.ms`)
SKEW_MS = 5000  # that a producer's clock may be behind
PATIENCE_S = 30.0
LONGEST_TURN_S = 0.5  # a turn takes some 20 ms; one of a stopped process tells nothing

Place = tuple[str, int]  # (topic, partition)
Records = dict[Place, list[Any]]


class Synchroniser:
    """What is held of one assignment.

    Parameters
    ----------
    follows
        topic -> topic that it follows.
    most
        records of a partition that are handed out at once.
    known
        by leader's partition: its end when it was measured, and the time before that, in ms.
    """

    def __init__(
        self, follows: Mapping[str, str], most: int, known: Mapping[Place, tuple[int, int]]
    ) -> None:
        self.held: dict[Place, deque[tuple[float, Any]]] = {}  # (when it came, record)
        self._follows = follows
        self._order = _in_order(follows)
        self._most = most
        self._known = known
        self._time_ms: dict[Place, int] = {}  # of the last record of leaders that was handed out
        self._waits_since_s: dict[Place, float] = {}
        self._paused: set[Place] = set()
        self._now_s = 0.0  # the clock
        self._turned_s = time.monotonic()

    @property
    def now_s(self) -> float:
        """Seconds of reading."""
        return self._now_s

    def ready(
        self,
        records: Records,
        reached: Mapping[Place, int],
        ends: Mapping[Place, tuple[int, float]],
    ) -> Records:
        """Which records are to be handed out now, leaders first; the others are held.

        Parameters
        ----------
        records
            What was read last, by place, in order.
        reached
            Positions of the consumer, by place.
        ends
            Ends of leaders, by place, and `now_s` when they were asked for; missing where none is
            known.
        """
        if not self._follows:
            return records
        turned_s = time.monotonic()
        self._now_s += min(turned_s - self._turned_s, LONGEST_TURN_S)
        self._turned_s = turned_s
        found: Records = {}
        for place, own in records.items():
            if place[0] in self._follows:
                waiting = self.held.setdefault(place, deque())
                waiting.extend([(self._now_s, record) for record in own])
            else:
                found[place] = own
                self._handed_out(place, own)
        for place in sorted(self.held, key=lambda place: self._order.index(place[0])):
            own = self._take(place, reached, ends)
            if own:
                found[place] = own
                self._handed_out(place, own)
                self._waits_since_s.pop(place, None)
            if not self.held[place]:
                del self.held[place]
        return found

    def _take(
        self,
        place: Place,
        reached: Mapping[Place, int],
        ends: Mapping[Place, tuple[int, float]],
    ) -> list[Any]:
        waiting, leader = self.held[place], (self._follows[place[0]], place[1])
        at = reached.get(leader, 0)
        if leader in self.held:  # what is held was not handed out
            at = self.held[leader][0][1].offset()
        known_end, known_ms = self._known.get(leader, (0, 0))
        old_ms = known_ms - SKEW_MS if at >= known_end else 0
        end, asked_s = ends.get(leader, (-1, -1.0))
        settled_s = min(self._now_s - SETTLE_S, asked_s) if 0 <= end <= at else -1.0
        if self._now_s - self._waits_since_s.setdefault(place, self._now_s) > PATIENCE_S:
            settled_s = self._now_s
        until_ms = max(self._time_ms.get(leader, 0), old_ms)
        own: list[Any] = []
        while waiting and len(own) < self._most:
            came_s, record = waiting[0]
            # subtle: older, not as old: a record of the same millisecond may be unread
            if came_s > settled_s and record.timestamp()[1] >= until_ms:
                break
            own.append(record)
            waiting.popleft()
        return own

    def _handed_out(self, place: Place, own: Sequence[Any]) -> None:
        self._time_ms[place] = max(self._time_ms.get(place, 0), own[-1].timestamp()[1])

    def wanted(self, ends: Mapping[Place, tuple[int, float]]) -> list[Place]:
        """Leaders whose ends are to be asked for: something waits that came after the last time."""
        return [
            leader
            for place, waiting in self.held.items()
            if (leader := (self._follows[place[0]], place[1])) not in self.held
            and waiting[0][0] > ends.get(leader, (-1, -1.0))[1]
        ]

    def to_pause(self) -> list[Place]:
        """Partitions of which enough is held, said once."""
        places = [
            place
            for place, waiting in self.held.items()
            if len(waiting) >= MOST_HELD and place not in self._paused
        ]
        self._paused.update(places)
        return places

    def to_resume(self) -> list[Place]:
        """Paused partitions of which little is held, said once."""
        places = [place for place in self._paused if len(self.held.get(place, ())) < MOST_HELD // 2]
        self._paused.difference_update(places)
        return places


def _in_order(follows: Mapping[str, str]) -> list[str]:
    """Followers behind those that they follow."""
    order: list[str] = []
    left = dict(follows)
    while left:
        free = [topic for topic, leader in left.items() if leader not in left]
        if not free:
            msg = f"expected topics that follow others in a chain, found a circle: {left}"
            raise ValueError(msg)
        order += sorted(free)
        left = {topic: leader for topic, leader in left.items() if topic not in free}
    return order
