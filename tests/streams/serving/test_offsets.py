"""Offsets: what may be committed is what is answered without a gap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.serving.offsets import Offsets


@given(st.permutations(range(8)))
def test_an_offset_may_be_committed_when_all_before_it_are_answered(order: list[int]) -> None:
    """Offsets 0, 10, 20, ...: others were markers of transactions."""
    offsets = Offsets()
    offsets.assign(3)
    opened = [offsets.open(3, 10 * number) for number in range(8)]
    reached, closed = 0, set[int]()
    for number in order:
        found = offsets.close(opened[number])
        closed.add(number)
        whole = next((n for n in range(9) if n not in closed), 8)
        expected = 10 * (whole - 1) + 1 if whole else 0
        if found is not None:
            reached = found
        assert reached == expected


def test_what_was_read_before_a_partition_went_counts_for_nothing() -> None:
    offsets = Offsets()
    offsets.assign(0)
    old = offsets.open(0, 5)
    offsets.drop(0)
    assert offsets.close(old) is None
    offsets.assign(0)
    new = offsets.open(0, 9)
    assert offsets.close(old) is None
    assert offsets.close(new) == 10
    assert offsets.close(offsets.open(1, 3)) is None  # not assigned
