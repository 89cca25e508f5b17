"""Clients take turns: who comes waits for one thing of each other client."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.serving.fair_queue import FairQueue

clients = st.sampled_from("abc")


def filled(puts: list[str]) -> FairQueue[tuple[str, int]]:
    queue: FairQueue[tuple[str, int]] = FairQueue()
    for at, client in enumerate(puts):
        queue.put(client, (client, at))
    return queue


def emptied(queue: FairQueue[tuple[str, int]]) -> list[tuple[str, int]]:
    found = []
    while (thing := queue.take()) is not None:
        found.append(thing)
    return found


def test_who_comes_last_waits_for_one_thing_of_the_other() -> None:
    assert emptied(filled(["a", "a", "a", "b"])) == [("a", 0), ("b", 3), ("a", 1), ("a", 2)]


@given(st.lists(clients, max_size=30))
def test_the_nth_thing_of_a_client_comes_after_at_most_n_of_each_other(puts: list[str]) -> None:
    queue = filled(puts)
    assert len(queue) == len(puts)
    found = emptied(queue)
    assert sorted(found, key=lambda thing: thing[1]) == list(zip(puts, range(99), strict=False))
    for at, (client, number) in enumerate(found):
        nth = [thing for thing in found[:at] if thing[0] == client]
        assert all(before[1] < number for before in nth)
        for other in {"a", "b", "c"} - {client}:
            assert sum(thing[0] == other for thing in found[:at]) <= len(nth) + 1


@given(st.lists(clients, max_size=30), st.sets(clients))
def test_some_are_taken_out_and_the_others_stay(puts: list[str], some: set[str]) -> None:
    expected = emptied(filled(puts))
    queue = filled(puts)
    assert queue.take_all(lambda thing: thing[0] in some) == [
        thing for thing in expected if thing[0] in some
    ]
    left = emptied(queue)
    assert sorted(left) == sorted(thing for thing in expected if thing[0] not in some)
    assert len(queue) == 0
