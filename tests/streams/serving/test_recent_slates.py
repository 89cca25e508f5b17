"""Slates served lately: bounded, and the first one of a request stays."""

from __future__ import annotations

from streams.serving.recent_slates import OVERHEAD_BYTES, RecentSlates


def test_the_oldest_go_first_when_there_is_no_room() -> None:
    recent = RecentSlates(3 * (10 + OVERHEAD_BYTES))
    for number in range(5):
        recent.put(f"s{number}", "u", b"0123456789", b"")
    assert len(recent) == 3
    assert recent.get("s1") is None
    assert recent.get("s2") is not None


def test_what_is_larger_than_all_the_room_is_not_kept() -> None:
    for room in (0, 100):
        recent = RecentSlates(room)
        recent.put("s", "u", b"0" * 200, b"")
        assert len(recent) == 0


def test_the_first_slate_of_an_id_stays() -> None:
    recent = RecentSlates(10_000)
    recent.put("s", "u", b"first", b"")
    recent.put("s", "u", b"second", b"")
    kept = recent.get("s")
    assert kept is not None
    assert kept.value == b"first"


def test_the_last_ones_come_newest_first() -> None:
    recent = RecentSlates(10_000)
    for number in range(3):
        recent.put(f"s{number}", "u", b"%d" % number, b"")
    assert [kept.value for kept in recent.last(2)] == [b"2", b"1"]
