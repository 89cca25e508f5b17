"""Metrics: what workers and serving processes tell Prometheus. Events are counted when their flush
is committed, so replays do not count twice.
"""

import functools
import platform
import time
from collections.abc import Callable, Iterable, Mapping

import confluent_kafka
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from streams import __version__

# label values; segments beyond are counted under "other", since every one is a time series
MAX_SEGMENTS = 500
MAX_VARIANTS = 50
REJECTED = "rejected"  # the outcome of an event that became a dead letter
# out: of no group. joining: waits for its part. restoring: has it, and gets its state ready.
GROUP_STATES = ("out", "joining", "restoring", "stable")
SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)


def _events(registry: CollectorRegistry) -> Counter:
    return Counter(
        "slatestream_events",
        "Events by outcome: impression, click, conversion (counted), duplicate, waiting "
        "(came before its impression), "
        "late, orphan (never matched), rejected (dead letters), expired (slates), "
        "other_segment, unknown_item (beyond a limit)",
        ["outcome", "segment"],
        registry=registry,
    )


def _since(age_s: Callable[[str], float], what: str) -> float:
    return time.time() - age_s(what)


class GroupMetrics:
    """Those of a process and its place in a consumer group; ages go out as times, as is usual with
    Prometheus: `time() - slatestream_last_flush_timestamp_seconds`.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._places: set[tuple[str, int]] = set()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        Gauge(
            "slatestream_build_info",
            "1; the labels say which versions run here",
            ["version", "librdkafka", "python"],
            registry=registry,
        ).labels(__version__, confluent_kafka.libversion()[0], platform.python_version()).set(1)
        self.lag = Gauge(
            "slatestream_source_lag_records",
            "Records of a partition owned here that are not counted, or not answered, yet",
            ["topic", "partition"],
            registry=registry,
        )
        self.state = Gauge(
            "slatestream_group_state",
            "1 for the state of this member of its group, 0 for the others",
            ["state"],
            registry=registry,
        )

    def watch(self, age_s: Callable[[str], float], *whats: str) -> None:
        """Tell when something happened last."""
        for what in whats:
            Gauge(
                f"slatestream_last_{what}_timestamp_seconds",
                f"Time of the last {what}",
                registry=self._registry,
            ).set_function(functools.partial(_since, age_s, what))

    def look(self, state: str, lag: Mapping[tuple[str, int], int]) -> None:
        """The state of the member (one of `GROUP_STATES`) and records left, by topic and partition,
        as they are now.
        """
        for each in GROUP_STATES:
            self.state.labels(each).set(each == state)
        for (topic, number), records in lag.items():
            self.lag.labels(topic, number).set(records)
        for place in self._places - lag.keys():
            self.lag.remove(*place)
        self._places = set(lag)


class Metrics:
    """Those of a worker, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.group = GroupMetrics(self.registry)
        self._segments: set[str] = set()
        self._variants: set[str] = set()
        self.events = _events(self.registry)
        self.slates = Counter(
            "slatestream_slates",
            "Slates by variant and outcome: offered, seen, clicked",
            ["variant", "outcome"],
            registry=self.registry,
        )
        self.flushes = Counter("slatestream_flushes", "Committed flushes", registry=self.registry)
        self.flush_s = Histogram(
            "slatestream_flush_seconds", "Duration of a flush", registry=self.registry
        )
        self.restores = Counter("slatestream_restores", "Restores", registry=self.registry)
        self.restore_s = Histogram(
            "slatestream_restore_seconds", "Duration of a restore", registry=self.registry
        )
        self.restored_records = Counter(
            "slatestream_restored_records", "Changelog records restored", registry=self.registry
        )
        self.partitions = Gauge(
            "slatestream_partitions", "Partitions owned", registry=self.registry
        )
        self.source_gaps = Counter(
            "slatestream_source_gaps",
            "Sources found recreated or cut short",
            registry=self.registry,
        )

        self.sampled_events = Counter(
            "slatestream_sampled_events",
            "A few events of each chunk by whether their key is their user's id: user, other",
            ["topic", "key"],
            registry=self.registry,
        )
        self.sampled_positions = Counter(
            "slatestream_sampled_positions",
            "Positions of those impressions: 0, other",
            ["position"],
            registry=self.registry,
        )

    def sampled(self, topic: str, events: int, other_key: int, positions: int, at_top: int) -> None:
        """How some events of impressions or clicks are written; a replay's are told again."""
        if events:
            self.sampled_events.labels(topic, "user").inc(events - other_key)
            self.sampled_events.labels(topic, "other").inc(other_key)
        if positions:
            self.sampled_positions.labels("0").inc(at_top)
            self.sampled_positions.labels("other").inc(positions - at_top)

    def flushed(
        self,
        duration_s: float,
        counted: Iterable[Mapping[tuple[str, str], int]],
        slates: Iterable[Mapping[tuple[str, str], int]] = (),
    ) -> None:
        """A flush was committed; `counted` hold events by outcome and segment, `slates` slates by
        variant and outcome.
        """
        self.flushes.inc()
        self.flush_s.observe(duration_s)
        for outcome_counts in counted:
            for (outcome, segment), events in outcome_counts.items():
                self.events.labels(outcome, self._label(segment)).inc(events)
        for told in slates:
            for (variant, outcome), number in told.items():
                if number > 0:
                    self.slates.labels(self._variant(variant), outcome).inc(number)

    def restored(self, duration_s: float, records: int, partitions: int) -> None:
        """A restore is done."""
        self.restores.inc()
        self.restore_s.observe(duration_s)
        self.restored_records.inc(records)
        self.partitions.set(partitions)

    def source_gap(self) -> None:
        """A source was not as the state had left it."""
        self.source_gaps.inc()

    def _variant(self, variant: str) -> str:
        if variant not in self._variants:
            if len(self._variants) >= MAX_VARIANTS:
                return "other"
            self._variants.add(variant)
        return variant

    def _label(self, segment: str) -> str:
        if segment not in self._segments:
            if len(self._segments) >= MAX_SEGMENTS:
                return "other"
            self._segments.add(segment)
        return segment


class ServingMetrics:
    """Those of a serving process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.group = GroupMetrics(self.registry)
        self.events = _events(self.registry)
        self.requests = Counter(
            "slatestream_requests", "Slate requests answered", registry=self.registry
        )
        self.request_s = Histogram(
            "slatestream_request_seconds",
            "From the time of a request's record until the broker has its answer",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.compute_s = Histogram(
            "slatestream_compute_seconds",
            "Making one slate",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.fallbacks = Counter(
            "slatestream_fallback_slates",
            "Slates in random order, since making them failed",
            registry=self.registry,
        )
        self.outcome_alarms = Gauge(
            "slatestream_outcome_alarms",
            "Alarms of outcomes: variants out of balance, slates that are not seen any more",
            registry=self.registry,
        )
        self.segment_slates = Counter(
            "slatestream_segment_slates",
            "Records written to segment-slates",
            registry=self.registry,
        )
        self.pairs = Gauge(
            "slatestream_counted_pairs",
            "Pairs of segment and item that have counts",
            registry=self.registry,
        )
        self.evidence_by_item = Gauge(
            "slatestream_evidence_by_item",
            "Whether delayed feedback and change are known of each item (1), or of each pair (0)",
            registry=self.registry,
        )
        self.user_weights = Gauge(
            "slatestream_user_weight",
            "Log-odds of a click for each unit of what is known of users, by what; 0: says nothing",
            ["feature"],
            registry=self.registry,
        )
        self.user_slates = Gauge(
            "slatestream_user_slates",
            "Slates that the weights of users are learned from",
            registry=self.registry,
        )
        self.users = Gauge(
            "slatestream_known_users",
            "Users of whom clicks or impressions are known",
            registry=self.registry,
        )
        self.view_lag = Gauge(
            "slatestream_view_lag_records",
            "Records of what slates are made from that are not read yet",
            registry=self.registry,
        )
        self.releases = Counter(
            "slatestream_releases",
            "Encoder releases by decision",
            ["decision"],
            registry=self.registry,
        )
        self.embedded = Counter(
            "slatestream_embedded_items", "Items embedded on arrival", registry=self.registry
        )
        self.http_requests = Counter(
            "slatestream_http_requests",
            "Requests over HTTP by endpoint and status",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self.http_s = Histogram(
            "slatestream_http_request_seconds",
            "From the head of a request over HTTP to its answer",
            ["endpoint"],
            buckets=SECONDS,
            registry=self.registry,
        )
        self.http_events = Counter(
            "slatestream_http_events",
            "Events over HTTP by topic and outcome: accepted, rejected",
            ["topic", "outcome"],
            registry=self.registry,
        )
