"""Requests of a partition that has just come wait until it is known which have their answers."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from streams.serving.answered import SKEW_S, Name
from streams.serving.arrivals import Arrivals
from tests.streams.making import record

NOW_S = float(int(time.time()))


class Before:
    """Looks that end when the test says so."""

    def __init__(self) -> None:
        self.looks: list[tuple[int, float, Callable[[], bool]]] = []
        self.future: Future[set[Name]] = Future()

    def look(self, *asked: Any) -> Future[set[Name]]:
        self.looks.append(asked)
        return self.future


class Reader:
    """A consumer whose partition ends at 12."""

    def __init__(self) -> None:
        self.log: list[tuple[str, int]] = []

    def get_watermark_offsets(self, _place: Any, cached: bool) -> tuple[int, int]:
        assert cached
        return 0, 12

    def pause(self, places: list[Any]) -> None:
        self.log.append(("pause", places[0].partition))

    def resume(self, places: list[Any]) -> None:
        self.log.append(("resume", places[0].partition))


def made() -> tuple[Arrivals, Any, Any]:
    before: Any = Before()
    return Arrivals("requests", before), before, Reader()


def request(offset: int, user: str = "u", sent_s: float = NOW_S) -> Any:
    return record(b"{}", user.encode(), "requests", 3, offset, int(sent_s * 1000))


def test_first_requests_are_held_and_those_with_answers_are_known_afterwards() -> None:
    arrivals, before, reader = made()
    arrivals.came(3)
    assert [arrivals.holds(reader, request(offset)) for offset in (10, 11)] == [True, True]
    assert reader.log == [("pause", 3)]
    assert arrivals.ready(reader) == []
    ((partition, since_s, wanted),) = before.looks
    assert (partition, since_s, wanted()) == (3, NOW_S, True)
    before.future.set_result({(b"u", "r10")})
    held = arrivals.ready(reader)
    assert [each.offset() for each in held] == [10, 11]
    assert reader.log[-1] == ("resume", 3)
    assert arrivals.answered(held[0], "r10")
    assert not arrivals.answered(held[1], "r11")
    assert not arrivals.answered(request(10, "another"), "r10")  # ids are their users' own


def test_requests_behind_the_end_of_then_are_new_whatever_their_id() -> None:
    arrivals, before, reader = made()
    arrivals.came(3)
    arrivals.holds(reader, request(10))
    before.future.set_result({(b"u", "r")})
    arrivals.ready(reader)
    later = request(12)
    assert not arrivals.holds(reader, later)
    assert not arrivals.answered(later, "r")


def test_a_partition_that_goes_takes_what_is_held_with_it() -> None:
    arrivals, before, reader = made()
    arrivals.came(3)
    arrivals.holds(reader, request(10))
    arrivals.went(3)
    assert not before.looks[0][2]()
    before.future.set_result(set())
    assert arrivals.ready(reader) == []


def test_nothing_is_looked_for_where_the_first_request_came_long_after_the_partition() -> None:
    arrivals, before, reader = made()
    arrivals.came(3)
    assert not arrivals.holds(reader, request(10, sent_s=9e9 + SKEW_S))
    assert before.looks == []
