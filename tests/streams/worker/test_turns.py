"""Turns: whatever order agents get their chunks in, each partition's come out as they were read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from streams.counting.chunk import Chunk
from streams.worker.turns import Turns
from tests.streams.making import chunk_of

TOPICS = ("slates", "impressions", "clicks")


@given(st.lists(st.tuples(st.sampled_from(TOPICS), st.integers(0, 2)), max_size=20), st.data())
def test_chunks_of_a_partition_come_out_in_the_order_they_were_read(
    read: list[tuple[str, int]], data: st.DataObject
) -> None:
    """Agents go on as they like; each has its own chunks in order."""
    chunks = [
        chunk_of([])._replace(topic=topic, partition=number, start=at, end=at + 1)
        for at, (topic, number) in enumerate(read)
    ]
    turns, queues = Turns(), dict[str, list[Chunk]]()
    for chunk in chunks:
        turns.hand_out(chunk)
        queues.setdefault(chunk.topic, []).append(chunk)
    found: list[Chunk] = []
    while any(queues.values()):
        topic = data.draw(st.sampled_from([name for name, own in queues.items() if own]))
        found += turns.come(queues[topic].pop(0))
    for number in range(3):
        assert [each.start for each in found if each.partition == number] == [
            each.start for each in chunks if each.partition == number
        ]
