"""Observed: all that is known of counting at one time, and the sums that findings are made of."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from streams.contract.health import Finding
from streams.kafka.event_sample import Seen
from streams.serving.watch.funnel_view import now_waiting
from streams.serving.watch.lag_meter import Lag

COUNTED = ("impression", "click", "conversion", "slate")  # outcomes
NOTHING: Mapping[Any, Any] = MappingProxyType({})


class Observed(NamedTuple):
    """What findings are made of.

    Attributes
    ----------
    missing
        why the process is not ready.
    funnel, waiting
        events by topic and outcome; by topic, those that wait now and waited a moment ago.
    lags, moved_s
        of the counting group; seconds since its offsets moved or nothing was left to count.
    sample
        of impressions (True) and clicks (False).
    letters
        the last dead letters' topics and reasons, most frequent first, with how many.
    items, fallbacks
        items that may be shown; slates in random order since a scorer failed.
    refused
        encoder releases that wait or are refused, with the reason.
    window_s
        the attribution window.
    outcomes
        findings of what became of slates by variant.
    """

    missing: Sequence[str] = ()
    funnel: Mapping[str, Mapping[str, int]] = NOTHING
    waiting: Mapping[str, int] = NOTHING
    lags: Sequence[Lag] = ()
    moved_s: float = 0.0
    sample: Mapping[bool, Seen] = NOTHING
    letters: Sequence[tuple[str, str, int]] = ()
    items: int = 0
    fallbacks: int = 0
    refused: Sequence[tuple[str, str]] = ()
    window_s: float = 3600.0
    outcomes: Sequence[Finding] = ()


class Sums(NamedTuple):
    """Of the funnel."""

    impressions: int
    shown: int  # events of `impressions`, whatever became of them
    clicks: int  # counted, conversions too
    sent: int  # events of `clicks`, whatever became of them
    waiting: int  # clicks, for longer than a moment
    late: int


def events_of(outcomes: Mapping[str, int]) -> int:
    """Events of one topic: each has come to one end, or waits."""
    ends = (*COUNTED, "duplicate", "late", "rejected", "orphan", "unknown_item")
    return sum(outcomes.get(each, 0) for each in ends) + now_waiting(outcomes)


def sums_of(observed: Observed) -> Sums:
    """What became of impressions and clicks."""
    impressions = observed.funnel.get("impressions", NOTHING)
    clicks = observed.funnel.get("clicks", NOTHING)
    steady = min(now_waiting(clicks), observed.waiting.get("clicks", 0))
    return Sums(
        impressions.get("impression", 0),
        events_of(impressions),
        clicks.get("click", 0) + clicks.get("conversion", 0),
        events_of(clicks),
        steady + clicks.get("orphan", 0),
        clicks.get("late", 0),
    )
