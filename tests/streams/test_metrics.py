"""Metrics: counted when a flush is committed, with a bounded number of time series."""

from __future__ import annotations

from streams.metrics import MAX_SEGMENTS, Metrics


def events(metrics: Metrics, outcome: str, segment: str) -> float | None:
    return metrics.registry.get_sample_value(
        "slatestream_events_total", {"outcome": outcome, "segment": segment}
    )


def test_outcomes_add_up_over_partitions_and_flushes() -> None:
    metrics = Metrics()
    metrics.flushed(0.1, [{("click", "x"): 2}, {("click", "x"): 3, ("late", "y"): 1}])
    metrics.flushed(0.2, [{("click", "x"): 4}])
    assert (
        events(metrics, "click", "x"),
        events(metrics, "late", "y"),
        events(metrics, "click", "y"),
    ) == (9, 1, None)
    assert metrics.registry.get_sample_value("slatestream_flushes_total") == 2


def test_segments_beyond_the_limit_are_counted_as_other() -> None:
    metrics = Metrics()
    metrics.flushed(0.1, [{("click", f"s{number}"): 1 for number in range(MAX_SEGMENTS + 7)}])
    assert events(metrics, "click", "s0") == 1
    assert events(metrics, "click", f"s{MAX_SEGMENTS}") is None
    assert events(metrics, "click", "other") == 7


def test_restores_and_gaps_are_counted() -> None:
    metrics = Metrics()
    metrics.restored(1.5, records=100, partitions=4)
    metrics.restored(0.5, records=20, partitions=3)
    metrics.source_gap()
    names = ("restores_total", "restored_records_total", "partitions", "source_gaps_total")
    assert [metrics.registry.get_sample_value(f"slatestream_{name}") for name in names] == [
        2,
        120,
        3,
        1,
    ]


def test_lag_is_that_of_the_partitions_that_are_owned_now() -> None:
    metrics = Metrics()
    metrics.group.look("stable", {("t", 0): 3, ("t", 1): 4})
    metrics.group.look("joining", {("t", 1): 5})
    value = metrics.registry.get_sample_value
    name = "slatestream_source_lag_records"
    assert value(name, {"topic": "t", "partition": "1"}) == 5
    assert value(name, {"topic": "t", "partition": "0"}) is None
    assert value("slatestream_group_state", {"state": "joining"}) == 1
    assert value("slatestream_group_state", {"state": "stable"}) == 0
