"""Health over HTTP: what a serving process knows of itself and of counting, as frozen structs."""

from typing import Literal

from msgspec import Struct

Level = Literal["alarm", "warning", "hint"]


class Finding(Struct, frozen=True):
    """Why something does not move: what was seen, and what to do. `code` is for programs."""

    code: str
    level: Level
    title: str
    text: str
    do: str


class TopicFunnel(Struct, frozen=True):
    """What became of the events of one topic since counting began; `waiting` do so now. `events` is
    the sum of the others: of `impressions` one for each item.
    """

    topic: str
    events: int
    counted: int
    waiting: int
    late: int
    duplicate: int
    orphan: int
    rejected: int
    unknown_item: int
    conversions: int


class PartitionRow(Struct, frozen=True):
    """One partition: records that are not counted yet, by topic, and how long ago it counted."""

    partition: int
    lag: dict[str, int]
    counted_ago_s: float | None


class ReasonRow(Struct, frozen=True):
    """Of the last dead letters those of one topic and reason."""

    topic: str
    reason: str
    letters: int


class Point(Struct, frozen=True):
    """Sums at one time, since counting began; requests since this process started."""

    ts: float
    impressions: int
    clicks: int
    conversions: int
    waiting: int
    requests: int


class Health(Struct, frozen=True):
    """What a serving process knows of itself; `missing` says in words why it is not ready.

    `findings` say why nothing moves, the gravest first. `funnel`, `partitions_behind` and `reasons`
    are of counting, which is not this process: they come by Kafka, and `unknown` says what could
    not be looked at.
    """

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
    started_s: float
    findings: list[Finding]
    funnel: list[TopicFunnel]
    partitions_behind: list[PartitionRow]
    reasons: list[ReasonRow]
    unknown: str | None


class Live(Struct, frozen=True):
    """One event of the stream: health, and the points since the event before."""

    health: Health
    points: list[Point]
