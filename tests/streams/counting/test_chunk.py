"""A chunk knows where it starts and ends, and for whom it was read."""

from __future__ import annotations

from tests.streams.making import chunk_of


def test_the_end_of_a_chunk_is_the_position_after_its_last_record() -> None:
    chunk = chunk_of([b"{}", b"{}"], "clicks", start=40)
    assert (chunk.source, chunk.start, chunk.end, chunk.session) == ("clicks", 40, 42, 0)
    assert [each.original.offset for each in chunk.refused] == [40, 41]  # none of them is a click
