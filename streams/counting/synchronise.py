"""Synchroniser: records of one topic that wait until another topic of the same partition has been
read up to their time.

A record is ready when its leader's last record is not older, when the leader has been read to its
end, or when the leader has not moved for `PATIENCE_S` (its broker may be away): the order is worth
time and is not promised, attribution takes any. Nor may one record with a time in the future keep
others back for long: after `LONGEST_S` in which none of its partition was handed out they all are
ready. Of each partition `MOST_HELD` records wait in memory at most; then it is paused.
"""

import time
from collections import deque
from collections.abc import Mapping
from typing import Any

MOST_HELD = 10_000  # records of one partition; a resumed one is fetched again from where it stood
PATIENCE_S = 5.0
LONGEST_S = 60.0

Place = tuple[str, int]  # (topic, partition)
Records = dict[Place, list[Any]]


class Synchroniser:
    """What is held of one assignment."""

    def __init__(self, follows: Mapping[str, str], most: int) -> None:
        self.held: dict[Place, deque[Any]] = {}
        self._follows = follows  # topic -> topic that it follows
        self._most = most  # records of a partition that are ready at once
        self._time_ms: dict[Place, int] = {}  # of leaders
        self._moved_s: dict[Place, float] = {}
        self._waits_since_s: dict[Place, float] = {}
        self._paused: set[Place] = set()

    def ready(
        self, records: Records, reached: Mapping[Place, int], ends: Mapping[Place, int]
    ) -> Records:
        """Which records are to be handed out now, leaders first; the others are held.

        Parameters
        ----------
        records
            What was read last, by place, in order.
        reached
            Positions of the consumer, by place.
        ends
            Ends of leaders, by place; negative or missing where none is known.
        """
        if not self._follows:
            return records
        now_s = time.monotonic()
        for place, own in records.items():
            if place[0] in self._follows:
                self.held.setdefault(place, deque()).extend(own)
            else:
                self._time_ms[place] = max(self._time_ms.get(place, 0), own[-1].timestamp()[1])
                self._moved_s[place] = now_s
        found = {place: own for place, own in records.items() if place[0] not in self._follows}
        for place, waiting in list(self.held.items()):
            leader = self._leader(place)
            at_end = 0 <= ends.get(leader, -1) <= reached.get(leader, 0)
            stands = now_s - self._moved_s.setdefault(leader, now_s) > PATIENCE_S
            free = (
                at_end or stands or now_s - self._waits_since_s.setdefault(place, now_s) > LONGEST_S
            )
            until_ms = self._time_ms.get(leader, 0)
            own = []
            while (
                waiting
                and len(own) < self._most
                and (free or waiting[0].timestamp()[1] <= until_ms)
            ):
                own.append(waiting.popleft())
            if own:
                found[place] = own
                self._waits_since_s.pop(place, None)
            if not waiting:
                del self.held[place]
        return found

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

    def _leader(self, place: Place) -> Place:
        return self._follows[place[0]], place[1]
