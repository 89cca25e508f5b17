"""Results on stdout, everything else on stderr; JSON is one line."""

from __future__ import annotations

import json

import pytest

from encoder.release.terminal import Terminal


def test_json_result_is_one_line_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(as_json=True) as terminal:
        terminal.say("reading")
        terminal.report("training", 1, 2)
        terminal.steps([{"step": "quantize"}])
        assert terminal.result({"version": "v1", "ndcg@10": 0.25, "reasons": ["a"]}) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == {"version": "v1", "ndcg@10": 0.25, "reasons": ["a"]}
    assert out.count("\n") == 1
    said, progress = map(json.loads, err.splitlines())
    assert said == {"said": "reading"}
    assert (progress["stage"], progress["share"]) == ("training", 0.5)


def test_table_shows_every_field(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(as_json=False) as terminal:
        terminal.steps(
            [{"step": "quantize", "bytes_before": 2_000, "bytes_after": 500, "seconds": 1.5}]
        )
        terminal.result(
            {"metrics": {"ndcg@10": 0.25, "bytes": 1234.0}, "published": True, "items": 1_700}
        )
    out = capsys.readouterr().out
    for said in (
        "quantize",
        "2,000",
        "500",
        "1.5000",
        "ndcg@10 0.2500",
        "bytes 1,234",
        "True",
        "1,700",
    ):
        assert said in out


def test_complaint_is_one_line_with_the_status(capsys: pytest.CaptureFixture[str]) -> None:
    with Terminal(as_json=False) as terminal:
        assert terminal.complain("expected\n  a, found b", 2) == 2
    assert "slatestream encoder: expected a, found b\n" in capsys.readouterr().err
