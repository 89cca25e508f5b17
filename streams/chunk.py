"""Chunk: the events of one partition from one poll, which travel through Faust as one message.

Impressions come in runs, since a slate's impressions stand one after the other, and a run costs little more than one of them.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

IMPRESSIONS, CLICKS, REQUESTS = "impressions", "clicks", "slate-requests"  # the sources: topics without their prefix


class Shown(Struct, array_like=True, gc=False):
    """Impressions of one slate, one after the other, that name the same segment, or none in the same context.

    Attributes
    ----------
    slate_id
        whose impressions they are.
    segment
        as they name it.
    made
        the segment that their context makes, where they name none.
    items
        ids, one for each impression.
    times
        seconds.
    positions
        in the slate, from 0.
    """

    slate_id: str
    segment: str | None
    made: str
    items: list[str]
    times: list[float]
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
        `Shown`, `Feedback` or `SlateRequest`.
    original
        the record that a good event was: called with its place, counted over impressions, clicks or requests. It may have to be asked for,
        and an event is hardly ever refused while it is counted.
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
    events: Sequence[Any]
    original: Callable[[int], Original]
    refused: Sequence[Refused]
