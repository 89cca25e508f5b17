"""Ingest: the events of a chunk, to be counted; what cannot be used becomes a dead letter."""

from collections.abc import Callable
from typing import Any

from streams.contract.dead_letters import Place, dead_letter
from streams.counting.attribution import REJECTED, count_clicks
from streams.counting.chunk import CLICKS, IMPRESSIONS, SLATES, Chunk, Refusal, Refused
from streams.counting.impressions import count_impressions
from streams.counting.partition import Partition
from streams.counting.rules import Rules
from streams.counting.served import note_slates


def count_chunk(partition: Partition, chunk: Chunk, rules: Rules, now_s: float) -> None:
    """Bring the events of a chunk into the state of its partition; each record that cannot be used
    becomes a dead letter, which comes out with the next flush.
    """
    refusals = _COUNT[chunk.source](partition, chunk.events, rules, now_s)
    records = [*chunk.refused, *(Refused(chunk.original(at), why) for at, why in refusals)]
    for original, reason in records:
        place = Place(chunk.topic, chunk.partition, original.offset)
        partition.rejected.append(dead_letter(place, original.key, original.value, reason, now_s))
        partition.outcome_counts[REJECTED, ""] += 1


_COUNT: dict[str, Callable[[Partition, Any, Rules, float], list[Refusal]]] = {
    IMPRESSIONS: count_impressions,
    CLICKS: count_clicks,
    SLATES: note_slates,
}
