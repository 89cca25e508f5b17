"""`request --explain` on the worker of the clients' tests."""

from __future__ import annotations

import json

import pytest

from streams import cli
from tests.streams.client.conftest import ITEMS
from tests.streams.worker_process import WorkerProcess

pytestmark = pytest.mark.local


def test_explain_prints_the_sum_of_each_score_and_what_could_not_be_shown(
    worker: WorkerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    asks = ["request", "--user", "anna", "--k", "3", "--explain", "--exclude", ITEMS[0]]
    env = {k: v for k, v in worker.environ.items() if k.startswith(("SLATE", "KAFKA_BOOT"))}
    assert cli.main([*asks, "--json"], env) == 0
    found = json.loads(capsys.readouterr().out)
    for item, own in zip(found["slate"]["items"], found["terms"], strict=True):
        assert sum(own["terms"].values()) == pytest.approx(item["score"])
    assert found["replay"] in ("same", "newer")
    assert cli.main(asks, env) == 0
    out = capsys.readouterr().out
    assert "11 items are eligible" in out
    assert f"1 are not: excluded ({ITEMS[0]})" in out
    assert " thompson" in out


def test_no_serving_process_and_no_token_are_one_line(
    worker: WorkerProcess, capsys: pytest.CaptureFixture[str]
) -> None:
    asks = ["request", "--user", "anna", "--explain"]
    assert cli.main(asks, {"SLATESTREAM_HTTP_PORT": "9"}) == 1
    assert "expected a serving process at http://127.0.0.1:9, found none" in capsys.readouterr().err
    assert cli.main(asks, {"SLATESTREAM_HTTP_PORT": str(worker.port)}) == 1
    assert "SLATESTREAM_HTTP_TOKEN" in capsys.readouterr().err
