"""Findings: each way in which a new user can go wrong is named; a healthy system says nothing."""

from __future__ import annotations

import pytest

from streams.kafka.event_sample import Seen
from streams.serving.watch.findings import BEHIND, findings
from streams.serving.watch.lag_meter import Lag
from streams.serving.watch.observed import Observed, events_of

GOOD = Observed(
    funnel={
        "impressions": {"impression": 1000, "duplicate": 10},
        "clicks": {"click": 100, "late": 1, "waiting": 40, "settled": 38, "orphan": 1},
        "slates": {"slate": 200},
    },
    waiting={"clicks": 1},
    lags=[Lag("impressions", 0, 1000, 990)],
    sample={
        True: Seen(400, 0, 0, 400, 80, frozenset({"s1", "s2"}), 1e9),
        False: Seen(50, 0, 0, 0, 0, frozenset({"s1"}), 1e9),
    },
    items=10,
)


def codes(observed: Observed) -> list[str]:
    return [finding.code for finding in findings(observed)]


def funnel(**topics: dict[str, int]) -> Observed:
    return GOOD._replace(funnel=topics, waiting={}, sample={}, lags=[])


def test_a_healthy_system_says_nothing() -> None:
    assert codes(GOOD) == []


@pytest.mark.parametrize(
    ("observed", "code"),
    [
        (GOOD._replace(missing=["items not read to the end yet"]), "not-ready"),
        (GOOD._replace(moved_s=60), "no-counting"),
        (GOOD._replace(lags=[Lag("clicks", 0, BEHIND + 1, 0)]), "behind"),
        (GOOD._replace(items=0), "no-items"),
        (funnel(), "no-events"),
        (funnel(clicks={"waiting": 3}), "only-clicks"),
        (funnel(impressions={"impression": 5000}), "no-clicks"),
        (funnel(impressions={"impression": 9}, clicks={"click": 1, "late": 9}), "late"),
        (
            funnel(impressions={"waiting": 5, "orphan": 5}, clicks={"click": 1}),
            "whole-slates",
        ),
        (funnel(impressions={"impression": 9}, clicks={"rejected": 9}), "rejected"),
        (funnel(impressions={"impression": 9, "duplicate": 99}), "duplicates"),
        (funnel(impressions={"impression": 9, "unknown_item": 2}), "unknown-items"),
        (GOOD._replace(fallbacks=3), "fallback"),
        (GOOD._replace(refused=[("v2", "its files are not there")]), "release"),
        (GOOD._replace(sample={True: Seen(40, 0, 0, 40, 0)}), "positions"),
        (GOOD._replace(sample={True: Seen(40, 30, 0, 40, 9)}), "partitioner"),
        (GOOD._replace(sample={False: Seen(40, 0, 30)}), "other-key"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_fault_is_named_with_what_to_do(observed: Observed, code: str) -> None:
    (found,) = [each for each in findings(observed) if each.code == code]
    assert found.title
    assert found.text.endswith((".", "mean"))
    assert found.do
    assert codes(observed) == [code]


def test_wrong_slate_ids_are_told_from_another_partitioner() -> None:
    waiting = GOOD._replace(
        funnel={"impressions": {"impression": 50}, "clicks": {"waiting": 20, "click": 1}},
        waiting={"clicks": 20},
        sample={
            True: Seen(50, 0, 0, 50, 10, frozenset({"s1"})),
            False: Seen(20, 0, 0, 0, 0, frozenset({"t1"})),
        },
    )
    (found,) = findings(waiting)
    assert found.code == "slate-ids"
    assert "t1" in found.text
    elsewhere = waiting._replace(sample={False: Seen(20, 15, 0)})
    (found,) = findings(elsewhere)
    assert (found.code, found.level) == ("partitioner", "alarm")


def test_what_waits_for_a_moment_only_is_no_finding() -> None:
    """A click that comes before its impression, looked at before the impression came."""
    moment = GOOD._replace(
        funnel={"impressions": {"impression": 5}, "clicks": {"waiting": 1}}, waiting={}, sample={}
    )
    assert codes(moment) == []
    assert codes(moment._replace(waiting={"clicks": 1})) == ["slate-ids"]


def test_the_most_frequent_reason_stands_in_the_words() -> None:
    refused = funnel(impressions={"impression": 9}, clicks={"click": 90, "rejected": 5})
    refused = refused._replace(letters=[("p.clicks", "broken JSON", 4), ("p.clicks", "late", 1)])
    (found,) = findings(refused)
    assert (found.level, "broken JSON" in found.text) == ("warning", True)


def test_events_of_a_topic_are_those_that_ended_and_those_that_wait() -> None:
    outcomes = {"click": 5, "late": 1, "waiting": 10, "settled": 6, "orphan": 1, "expired": 99}
    assert events_of(outcomes) == 5 + 1 + 1 + 3
