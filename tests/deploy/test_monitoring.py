"""Alerts and dashboard: every metric and label value that they name exists, in both places."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from encoder.serving.verify import State
from streams.counting import outcomes as outcome_names
from streams.counting import partition
from streams.kafka.liveness import FLUSH, HEARTBEAT, POLL
from streams.metrics import REJECTED, Metrics, ServingMetrics

DEPLOY = Path(__file__).parents[2] / "deploy"
ALERTS: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yaml").read_text())
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]
DASHBOARD: dict[str, Any] = json.loads((DEPLOY / "grafana" / "slatestream.json").read_text())
QUERIES = [target["expr"] for panel in DASHBOARD["panels"] for target in panel.get("targets", [])]
RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text()
SUFFIXES = {
    "counter": ["_total"],
    "gauge": [""],
    "histogram": ["_bucket", "_sum", "_count"],
}


def names_in(query: str) -> set[str]:
    return set(re.findall(r"\b(?:slatestream|process|python)_\w+", query))


def family(name: str) -> str:
    return re.sub(r"_(bucket|sum|count)$", "", name)


def series() -> set[str]:
    """The names under which Prometheus keeps what workers and serving processes say."""
    made = Metrics(), ServingMetrics()
    for metrics in made:
        metrics.group.watch(lambda _what: 0.0, POLL, FLUSH, HEARTBEAT)
    return {
        each.name + suffix
        for metrics in made
        for each in metrics.registry.collect()
        for suffix in SUFFIXES[each.type]
    }


def test_every_metric_of_the_alerts_exists() -> None:
    named = {name for rule in RULES for name in names_in(rule["expr"])}
    assert named
    assert named <= series()


def test_every_metric_of_the_dashboard_exists_and_every_metric_is_shown() -> None:
    named = {name for query in QUERIES for name in names_in(query)}
    assert named <= series()
    own = {name for name in series() if name.startswith("slatestream_")}
    assert {family(name) for name in named} >= {family(name) for name in own}


def test_names_and_units_are_those_of_prometheus() -> None:
    """https://prometheus.io/docs/practices/naming/: base units, `_total` on what only grows."""
    for metrics in (Metrics(), ServingMetrics()):
        for each in metrics.registry.collect():
            if not each.name.startswith("slatestream_"):
                continue
            assert each.documentation, each.name
            assert not re.search(r"_(ms|milliseconds|minutes|mb|kb|percent)(_|$)", each.name)
            if each.type == "histogram":
                assert each.name.endswith("_seconds"), each.name
            if "timestamp" in each.name:
                assert each.name.endswith("_timestamp_seconds"), each.name


def test_every_label_value_exists() -> None:
    outcomes = {
        value
        for name, value in (vars(outcome_names) | vars(partition)).items()
        if name.isupper() and isinstance(value, str)
    } | {REJECTED}
    text = "\n".join([*QUERIES, *(rule["expr"] for rule in RULES)])
    for values in re.findall(r'outcome=~?"([^"]+)"', text):
        assert set(values.split("|")) <= outcomes
    for value in re.findall(r'decision="([^"]+)"', text):
        assert value in State.__args__


def test_the_operator_gets_the_same_alerts() -> None:
    rule = yaml.safe_load(
        (DEPLOY / "k8s" / "components" / "monitoring" / "prometheusrule.yaml").read_text()
    )
    assert (rule["apiVersion"], rule["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert rule["spec"] == ALERTS


def test_every_alert_has_an_entry_in_the_runbook_and_every_entry_an_alert() -> None:
    names = [rule["alert"] for rule in RULES]
    assert len(set(names)) == len(names)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith(".")
    entries = dict(re.findall(r"^### (\w+)\n((?:.+\n)+)", RUNBOOK, re.MULTILINE))
    assert entries.keys() == set(names)
    for name, entry in entries.items():
        assert re.search(r"\*Look (at|for)\*", entry), name
        assert re.search(r"\*[Dd]o\*", entry), name


def test_the_panels_have_their_own_places_and_numbers() -> None:
    panels = DASHBOARD["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        grid = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
        assert not cells & taken
        assert max(x for x, _ in cells) < 24
        taken |= cells
