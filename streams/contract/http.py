"""What HTTP answers besides slates: the bodies of CONTRACT section 3, as frozen structs."""

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from streams.contract.events import DeadLetter, Slate

EVENT_TOPICS = ("impressions", "clicks", "items")


class Problem(Struct, frozen=True, omit_defaults=True):
    """An error: RFC 9457 (Nottingham, Wilde and Dalal, 2023), and its text as `error` once more."""

    type: str
    title: str
    status: int
    detail: str
    error: str
    request_id: str


class Filtered(Struct, frozen=True):
    """Items that a slate could not show for one reason: how many, and the first of them."""

    reason: str
    items: int
    some: list[str]


class ExplainedSlate(Slate, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """A slate, and with `?explain=true` what could not be in it; `eligible` items could."""

    eligible: int | None = None
    filtered: list[Filtered] | None = None


class BatchEntry(Struct, frozen=True, omit_defaults=True):
    """One request of a batch: its slate, or why there is none."""

    slate: ExplainedSlate | None = None
    error: str | None = None


class Batch(Struct, frozen=True):
    """Slates in the order of their requests."""

    slates: list[BatchEntry]


class EventLine(Struct, frozen=True):
    """One event on its way to a topic."""

    topic: Literal["impressions", "clicks", "items"]
    event: dict[str, Any]


class RejectedLine(Struct, frozen=True):
    """An event that was not taken; `line` counts from 1."""

    line: int
    reason: str


class Accepted(Struct, frozen=True):
    """How many events Kafka has, and which were not taken."""

    accepted: int
    rejected: list[RejectedLine]


class ServedSlate(Struct, frozen=True):
    """A slate that was served lately, and what this process has seen clicked of it."""

    slate: msgspec.Raw
    clicked: list[str]


class SegmentRow(Struct, frozen=True):
    """The sums of one segment's counts; `items` is how many were seen."""

    segment: str
    items: int
    impressions: float
    clicks: float
    conversions: float
    value: float


class SegmentsPage(Struct, frozen=True):
    """Segments in the order they came; `next` is the next page's `offset`, null at the end."""

    counts_ts: float
    total: int
    segments: list[SegmentRow]
    next: int | None


class ItemRow(Struct, frozen=True):
    """Counts of one item in one segment, and what they say: `mean`, and `low` to `high` with 95%.
    `exposure_share` is its share of the segment's impressions.
    """

    item_id: str
    title: str | None
    available: bool
    impressions: float
    clicks: float
    conversions: float
    value: float
    mean: float
    low: float
    high: float
    exposure_share: float


class ItemsPage(Struct, frozen=True):
    """Items of a segment, those with most impressions first."""

    counts_ts: float
    segment: str
    total: int
    items: list[ItemRow]
    next: int | None


class Health(Struct, frozen=True):
    """What a serving process knows of itself; `missing` says in words why it is not ready."""

    status: Literal["ready", "not ready"]
    missing: list[str]
    version: str
    policy: str
    policy_version: str
    encoder: str | None
    counts_ts: float | None
    counts_age_s: float | None
    segments: int
    segments_prepared: int
    items: int
    items_available: int
    view_lag_records: int
    partitions: list[int]
    requests_answered: int
    requests_rejected: int
    fallback_slates: int
    under_way: int


class ReleaseRow(Struct, frozen=True):
    """An encoder release as this process judges it."""

    version: str
    in_force: bool
    state: str
    reason: str
    status: str
    created_s: float
    dim: int
    items: int
    previous: str | None
    metrics: dict[str, float]
    baseline: dict[str, float]


class Releases(Struct, frozen=True):
    """Releases, the newest first."""

    releases: list[ReleaseRow]


class DeadLetters(Struct, frozen=True):
    """The last dead letters, the newest first."""

    dead_letters: list[DeadLetter]


Limit = Annotated[int, Meta(ge=1, le=1000)]
Offset = Annotated[int, Meta(ge=0, le=10_000_000)]
