"""Chunk: the events of one partition from one poll, which travel through Faust as one message.

Impressions come in runs, since a slate's impressions stand one after the other, and a run costs
little more than one of them. How often each item was shown is added up before, since nearly all
runs are of new slates and count whole.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct

# the sources: topics without their prefix
IMPRESSIONS, CLICKS, SLATES = "impressions", "clicks", "slates"

# Shapes of a run: an event for each item; one event for a list of items; one event for the whole
# slate, whose items the slate's row knows.
ONE_BY_ONE, LIST, WHOLE = 0, 1, 2


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
        how many items.
    newest_s
        the largest of their times.
    seen_items
        items and times, in order, as bytes (`rows.pack_seen_items`).
    shape
        ONE_BY_ONE, LIST or WHOLE.
    first
        of its events: its place among the chunk's good records.
    """

    slate_id: str
    segment: str | None
    made: str
    size: int
    newest_s: float
    seen_items: bytes
    shape: int
    first: int

    def record(self, at: int) -> int:
        """The place of the record that brought item `at`, among the chunk's good records."""
        return self.first + at if self.shape == ONE_BY_ONE else self.first


class ImpressionRuns(Struct, array_like=True, gc=False):
    """The impressions of a chunk.

    Attributes
    ----------
    runs
        all of them.
    totals
        where each is worth 1: how many name a segment, by segment and item.
    positions
        where they are not: in their slates, from 0, one for each item of each run.
    """

    runs: list[ImpressionRun]
    totals: dict[str, dict[str, int]]
    positions: list[int]


class Offered(Struct, array_like=True, gc=False):
    """A slate that this project made; `items` as `rows.pack_offered` writes them, the rest as in
    `rows.Made`. A slate without items has no share: nobody can see it.
    """

    slate_id: str
    segment: str
    variant: str
    policy: str  # its version
    ts: float
    items: bytes
    user_group: int
    share: float | None
    slots: int
    explored: int
    given_up: float


class Feedback(Struct, array_like=True, gc=False):
    """A click, or a conversion."""

    slate_id: str
    user_id: str
    item_id: str
    ts: float
    value: float = 1.0
    conversion: bool = False
    event_id: str = ""


class Refusal(NamedTuple):
    """A good event that cannot be counted: its place among the chunk's good records, and why."""

    at: int
    reason: str


class Original(NamedTuple):
    """A record as it came."""

    offset: int
    key: bytes | None
    value: bytes | None


class Refused(NamedTuple):
    """A record that cannot be used, and why."""

    original: Original
    reason: str


class Sample(NamedTuple):
    """What a few events of a chunk show of their producer: how many were looked at, have a key that
    is not their user's id, say a position, say position 0.
    """

    events: int = 0
    other_key: int = 0
    positions: int = 0
    at_top: int = 0


class Chunk(NamedTuple):
    """Events in order, with what the store needs to know before it counts them.

    Attributes
    ----------
    source
        impressions, clicks or slates.
    topic, partition
        where the records stand.
    start, end
        positions before the first record and after the last one.
    time_ms
        of the last record.
    session
        of the reader; the store refuses another one's.
    sample
        of impressions and clicks: how their producers write.
    events
        `ImpressionRuns`, or a list of `Feedback` or `Offered`.
    original
        the record that a good event was: called with its place among the good records. It may have
        to be asked for, and an event is hardly ever refused while it is counted.
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
    sample: Sample
    events: Any
    original: Callable[[int], Original]
    refused: Sequence[Refused]
