"""The demo as users start it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from streams.demo.open_bandit import read_rows
from streams.demo.release import lacking


@pytest.mark.local
def test_the_demo_learns_counts_exactly_and_leaves_with_0() -> None:
    command = [sys.executable, "-m", "streams", "demo", "--seconds", "12", "--json"]
    env = {**os.environ, "SLATESTREAM_TOPIC_PREFIX": "somebodys."}
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env=env, timeout=200
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["ok"] is True
    assert found["visits"] > 1000
    assert (found["unanswered"], found["empty"]) == (0, 0)
    assert 0 < found["lift"]["lift"] < found["lift"]["high"]
    last = found["windows"][-1]
    assert last["learned"]["low"] > last["random"]["high"]
    came = found["new_items"]
    assert 0 <= came["shown"] <= came["items"]  # how soon depends on the machine
    assert came["items"] > 0
    assert came["at_visit"] < found["visits"]
    seen = sum(window["visits"] for window in found["windows"])
    assert 0.75 * found["visits"] < seen < found["visits"]  # the others saw the holdback
    if read_rows() is not None:
        assert found["replay"]["equal"] is True
        assert found["replay"]["counted_impressions"] == 10_000
        assert found["replay"]["counted_clicks"] == 46
    assert found["release"].startswith("left out: ") == (lacking() is not None)
    assert ("research use" in done.stderr) == found["real"]


def test_less_than_a_second_is_wrong_usage() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "streams", "demo", "--seconds", "0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "slatestream: expected --seconds of at least 1, found 0\n"
