"""Ingest: the events of a chunk, to be counted; what cannot be used becomes a dead letter."""

from collections.abc import Callable, Iterator
from typing import Any

from streams.contract.dead_letters import Place, dead_letter
from streams.counting.attribution import count_clicks
from streams.counting.chunk import (
    CLICKS,
    IMPRESSIONS,
    SLATES,
    Chunk,
    ImpressionRuns,
    Refusal,
    Refused,
)
from streams.counting.impressions import count_impressions
from streams.counting.outcomes import REJECTED
from streams.counting.partition import Partition
from streams.counting.rules import Rules
from streams.counting.served import note_slates

AT_ONCE = 2000  # items: some 5 ms


def count_chunk(partition: Partition, chunk: Chunk, rules: Rules, now_s: float) -> None:
    """Bring the events of a chunk into the state of its partition; each record that cannot be used
    becomes a dead letter, which comes out with the next flush.
    """
    for _ in counting_chunk(partition, chunk, rules, now_s):
        pass


def counting_chunk(
    partition: Partition, chunk: Chunk, rules: Rules, now_s: float
) -> Iterator[None]:
    """The same in slices of a few milliseconds; nothing may be taken for a flush between them."""
    refused, count = list(chunk.refused), _COUNT[chunk.source]
    for first, events in _slices(chunk.events):
        refused += (
            Refused(chunk.original(first + at), why)
            for at, why in count(partition, events, rules, now_s)
        )
        yield
    for original, reason in refused:
        place = Place(chunk.topic, chunk.partition, original.offset)
        partition.rejected.append(dead_letter(place, original.key, original.value, reason, now_s))
        partition.note(chunk.source, REJECTED, "")


def _slices(events: Any) -> Iterator[tuple[int, Any]]:
    """Events of a chunk in slices of about `AT_ONCE` items, each with what is to be added to the
    places of the events that it refuses.
    """
    if not isinstance(events, ImpressionRuns):
        for first in range(0, len(events), AT_ONCE):
            yield first, events[first : first + AT_ONCE]
        return
    begin = item = items = 0
    totals = events.totals
    for end, run in enumerate(events.runs, 1):
        items += run.size + 1
        if items >= AT_ONCE or end == len(events.runs):
            runs = events.runs[begin:end]
            size = sum(each.size for each in runs)
            yield 0, ImpressionRuns(runs, totals, events.positions[item : item + size])
            begin, item, items, totals = end, item + size, 0, {}


_COUNT: dict[str, Callable[[Partition, Any, Rules, float], list[Refusal]]] = {
    IMPRESSIONS: count_impressions,
    CLICKS: count_clicks,
    SLATES: note_slates,
}
