"""Chunk: the events of one partition from one poll, which travel through Faust as one message.

Impressions come in runs, since a slate's impressions stand one after the other, and a run costs
little more than one of them. How often each item was shown is added up before, since nearly all
runs are of new slates and count whole.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

# the sources: topics without their prefix
IMPRESSIONS, CLICKS, REQUESTS = "impressions", "clicks", "slate-requests"


class ImpressionRun(Struct, array_like=True, gc=False):
    """Impressions of one slate and of different items, one after the other, that name the same
    segment, or none in the same context.

    Attributes
    ----------
    slate_id
        whose impressions they are.
    segment
        as they name it.
    made
        the segment that their context makes, where they name none.
    size
        how many.
    newest_s
        the largest of their times.
    looks
        items and times, in order, as bytes (`rows.pack_looks`).
    """

    slate_id: str
    segment: str | None
    made: str
    size: int
    newest_s: float
    seen_items: bytes


class ImpressionRuns(Struct, array_like=True, gc=False):
    """The impressions of a chunk.

    Attributes
    ----------
    runs
        all of them.
    totals
        where each is worth 1: how many name a segment, by segment and item.
    positions
        where they are not: in their slates, from 0, one for each impression.
    """

    runs: list[ImpressionRun]
    totals: dict[str, dict[str, int]]
    positions: list[int]


class Feedback(Struct, array_like=True, gc=False):
    """A click, or a conversion."""

    slate_id: str
    user_id: str
    item_id: str
    ts: float
    value: float = 1.0
    conversion: bool = False


class Original(NamedTuple):
    """A record as it came."""

    offset: int
    key: bytes | None
    value: bytes | None


class Refused(NamedTuple):
    """A record that cannot be used, and why."""

    original: Original
    reason: str


class Chunk(NamedTuple):
    """Events in order, with what the store needs to know before it counts them.

    Attributes
    ----------
    source
        impressions, clicks or slate-requests.
    topic, partition
        where the records stand.
    start, end
        positions before the first record and after the last one.
    time_ms
        of the last record.
    session
        of the reader; the store refuses another one's.
    events
        `ImpressionRuns`, or a list of `Feedback` or `SlateRequest`.
    original
        the record that a good event was: called with its place, counted over impressions, clicks or
        requests. It may have to be asked for, and an event is hardly ever refused while it is
        counted.
    refused
        records that are none.
    """

    source: str
    topic: str
    partition: int
    start: int
    end: int
    time_ms: int
    session: int
    events: Any
    original: Callable[[int], Original]
    refused: Sequence[Refused]
