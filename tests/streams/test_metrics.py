"""Metrics: counted when a flush is committed, with a bounded number of time series."""

from __future__ import annotations

import re

import pytest

from streams.metrics import MAX_SEGMENTS, Metrics, ServingMetrics


def events(metrics: Metrics, outcome: str, segment: str) -> float | None:
    return metrics.registry.get_sample_value(
        "slatestream_events_total", {"outcome": outcome, "segment": segment}
    )


@pytest.mark.parametrize("kind", [Metrics, ServingMetrics])
def test_names_units_and_helps_follow_the_conventions(kind: type) -> None:
    """Prometheus, Metric and label naming: a prefix of the application, base units in the plural,
    `_total` behind what adds up, `_info` behind what is 1; labels are no part of the name.
    """
    owned = [f for f in kind().registry.collect() if f.name.startswith("slatestream_")]
    assert len(owned) > 5
    for family in owned:
        assert re.fullmatch(r"slatestream(_[a-z][a-z0-9]*)+", family.name), family.name
        assert not re.search(r"_(ms|milliseconds|minutes|hours|kb|mb|percent)(_|$)", family.name)
        assert len(family.documentation.split()) >= 1, family.name
        assert family.documentation[0].isupper() or family.documentation[0].isdigit()
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_bytes")), family.name
        if family.type == "counter":
            assert all(not s.name.endswith("_count") for s in family.samples)
        for sample in family.samples:
            assert not {"quantile", "instance", "job"} & sample.labels.keys()
            for label in sample.labels:
                assert re.fullmatch(r"[a-z]+(_[a-z]+)*", label)
                assert f"_by_{label}" not in family.name


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
