"""The dispatcher of the benchmarks; no benchmark is run, and no time is asserted."""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from streams.contract.events import decode_click, decode_impression
from tests.benchmarks import __main__ as dispatcher
from tests.benchmarks.latency_events import events, new_cells
from tests.benchmarks.latency_figures import Goal, Times, figures, row


def test_an_unknown_name_lists_the_known_ones_and_ends_with_2(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert dispatcher.main(["no-such"]) == 2
    error = capsys.readouterr().err
    assert "found no-such" in error
    assert all(name in error for name in dispatcher.names())
    assert dispatcher.main([]) == 2
    assert dispatcher.main(["all", "--option"]) == 2


def test_results_and_conditions_are_written_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = types.ModuleType("tests.benchmarks.bench_trial")
    module.run = lambda options: {"options": options}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(dispatcher, "names", lambda: ["trial"])
    monkeypatch.setattr(dispatcher, "RESULTS", tmp_path / "bench")
    assert dispatcher.main(["trial", "--seeds", "3"]) == 0
    written = json.loads((tmp_path / "bench" / "trial.json").read_text())
    assert written["results"] == {"options": ["--seeds", "3"]}
    assert written["conditions"]["options"] == ["--seeds", "3"]
    assert written["conditions"]["cores"] >= 1


@pytest.mark.parametrize("name", dispatcher.names())
def test_every_benchmark_can_be_imported_and_has_run(name: str) -> None:
    assert callable(importlib.import_module(f"tests.benchmarks.bench_{name}").run)


def test_a_request_without_an_answer_counts_as_the_longest() -> None:
    """Sent at 0, 1 and 2 s; answered after 0.5 s, never, and after 7 s (twice); waited until 6 s
    only, as if the clock of the last had run on: the unanswered one is no shorter than 7 s.
    """
    times = Times(
        np.array([0.0, 1.0, 2.0]), np.array([0.5, np.nan, 9.0]), np.array([1, 0, 2]), end_s=6.0
    )
    found = figures(times)
    assert (found["sent"], found["answered"], found["answered_twice"]) == (3, 2, 1)
    assert found["longest_ms"] == 7000.0
    assert found["p50_ms"] == 7000.0
    assert figures(times._replace(end_s=20.0))["longest_ms"] == 19_000.0


def test_a_window_keeps_all_that_was_sent_in_it() -> None:
    times = Times(
        np.array([0.0, 1.0, 2.0, 3.0]), np.array([9.0, np.nan, 9.0, 9.0]), np.ones(4, int), 9.0
    )
    assert times.sent_between(1.0, 2.0).sent_s.tolist() == [1.0, 2.0]


def test_a_goal_is_met_by_all_of_its_parts() -> None:
    """3 and 2 times the echo, 0.3 s at most."""
    slate = {"p50_ms": 3.0, "p99_ms": 20.0, "longest_ms": 300.0}
    echo = {"p50_ms": 1.0, "p99_ms": 10.0, "longest_ms": 15.0}
    assert row("idle", 200, slate, echo, Goal(p50=3, p99=2, longest_s=0.3))["goal_met"]
    assert row("idle", 200, slate, echo, Goal(p50=3, p99=1.9))["goal_met"] is False
    assert row("idle", 200, slate, echo, Goal())["goal_met"] is None


def test_a_burst_changes_every_cell_once_and_its_events_are_taken() -> None:
    made = [*new_cells("burst", 2_000), *events("load", 110, 20_000, seed=1)]
    assert {topic for topic, _, _ in made} == {"impressions", "clicks"}
    for _, key, value in (each for each in made if each.topic == "clicks"):
        assert decode_click(value).user_id.encode() == key
    seen = [decode_impression(each.value) for each in made if each.topic == "impressions"]
    cells = {(each.segment, each.item_id) for each in seen[:2_000]}
    assert len(cells) == 2_000
    assert len({(each.slate_id, each.item_id) for each in seen}) == 2_100
