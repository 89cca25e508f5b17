"""What HTTP answers besides slates: the bodies of CONTRACT section 3, as frozen structs."""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from streams.contract.events import DeadLetter, Slate, SlateRequest

FREE = Meta(extra_json_schema={"additionalProperties": True})  # generators ask for it to be said
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
    event: Annotated[dict[str, Any], FREE]


class RejectedLine(Struct, frozen=True):
    """An event that was not taken; `line` counts from 1."""

    line: int
    reason: str


class Accepted(Struct, frozen=True):
    """How many events Kafka has, and which were not taken."""

    accepted: int
    rejected: list[RejectedLine]


class ScoreTerms(Struct, frozen=True):
    """What an item's score is made of: its terms, and their sum. No terms: no score chose it."""

    item_id: str
    terms: dict[str, float]
    sum: float


Replay = Literal["same", "other", "newer"]


class ServedSlate(Struct, frozen=True):
    """A slate that was served lately, explained, and what Kafka says of it since: items that were
    seen, clicked, converted. `complete` is false where more came since than is looked through.

    `terms` are those of the scores, in the slate's order. `eligible` and `filtered` are of its
    request among the items of now. `replay`: whether the same request gets the same slate again;
    `newer` where it is answered from newer counts, items or encoder.
    """

    slate: Slate
    request: SlateRequest
    terms: list[ScoreTerms]
    eligible: int
    filtered: list[Filtered]
    replay: Replay
    seen: list[str]
    clicked: list[str]
    converted: list[str]
    complete: bool


class LastSlates(Struct, frozen=True):
    """Slates as they were served, the newest first."""

    slates: list[Slate]


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
    `exposure_share` is its share of the segment's impressions, `best` the probability that its
    rate is the highest of all items that may be shown.
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
    best: float


class ItemsPage(Struct, frozen=True):
    """Items of a segment, those with most impressions first."""

    counts_ts: float
    segment: str
    total: int
    items: list[ItemRow]
    next: int | None


class ItemInSegment(Struct, frozen=True):
    """Counts of an item in one segment, and what they say, as in `ItemRow`."""

    segment: str
    impressions: float
    clicks: float
    conversions: float
    value: float
    mean: float
    low: float
    high: float


class ItemPage(Struct, frozen=True):
    """One item; `described`: it stands in `items`; `embedded`: it has a vector. Segments that
    showed it most stand first.
    """

    item_id: str
    title: str | None
    category: str | None
    brand: str | None
    price: float | None
    described: bool
    available: bool
    embedded: bool
    counts_ts: float
    segments: list[ItemInSegment]


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
    catalogue: str


class Releases(Struct, frozen=True):
    """Releases, the newest first."""

    releases: list[ReleaseRow]


class SettingRow(Struct, frozen=True):
    """A setting in force; `changed`: it is not as shipped. A secret's value is never told."""

    name: str
    value: str
    changed: bool
    help: str


class SettingsPage(Struct, frozen=True):
    """Settings of this process, and the versions that it runs."""

    settings: list[SettingRow]
    versions: dict[str, str]


class SegmentFieldRow(Struct, frozen=True):
    """A context field: whether segments are served apart by it, the clicks at which an item's own
    with a value weigh as much as what all values say (none: it says nothing alone), how much
    likelier that is than nothing, and fields that it says more together with.
    """

    field: str
    values: int
    apart: bool
    clicks: float | None
    gain_nats: float
    together: list[str]
    text: str


class SegmentFieldsPage(Struct, frozen=True):
    """How segments are served: `segments` of the policy file, how many have counts, as how many
    they are served, and the fields, those that say most first.
    """

    segments: str
    combinations: int
    groups: int
    text: str
    fields: list[SegmentFieldRow]


class Change(Struct, frozen=True):
    """Something that changed what is shown: `what` is release, policy or start."""

    ts: float
    what: Literal["release", "policy", "start"]
    name: str
    text: str


class Changes(Struct, frozen=True):
    """Changes, the newest first."""

    changes: list[Change]


class DeadLetters(Struct, frozen=True):
    """The last dead letters, the newest first."""

    dead_letters: list[DeadLetter]


Limit = Annotated[int, Meta(ge=1, le=1000)]
Offset = Annotated[int, Meta(ge=0, le=10_000_000)]
