"""The dispatcher of the benchmarks; no benchmark is run, and no time is asserted."""

from __future__ import annotations

import importlib
import json
import sys
import types
from pathlib import Path

import pytest

from tests.benchmarks import __main__ as dispatcher


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
