"""Progress in a log and for programs: stage, share and time left, though nothing moves."""

from __future__ import annotations

import json
import time

from encoder.release.progress import Lines, Status


def test_a_line_tells_stage_share_and_time_left() -> None:
    assert (
        Status("training", 1_200, 4_000, 90.0).line()
        == "training: 1,200 of 4,000 (30%), 1 min 30 s so far, 3 min 30 s left"
    )
    assert Status("labels", 0, 10, 4.0).line() == "labels: 0 of 10 (0%), 4 s so far"
    assert Status("labels", 5, 10, 8_000.0).line().endswith("2 h 13 min so far, 2 h 13 min left")


def test_json_tells_the_same() -> None:
    assert json.loads(Status("training", 1, 4, 10.0).json()) == {
        "stage": "training", "done": 1, "of": 4, "share": 0.25, "running_s": 10.0, "left_s": 30.0,
    }  # fmt: skip
    assert json.loads(Status("training", 0, 0, 0.0).json())["left_s"] is None


def test_first_and_last_of_each_stage_and_nothing_between_in_ten_seconds() -> None:
    said: list[str] = []
    with Lines(said.append, lambda status: f"{status.stage} {status.done}") as lines:
        for stage in ("labels", "training"):
            for done in range(101):
                lines.report(stage, done, 100)
    assert said == ["labels 0", "labels 100", "training 0", "training 100"]


def test_a_stage_that_stands_still_says_so() -> None:
    said: list[str] = []
    with Lines(said.append, Status.line, every_s=0.05) as lines:
        lines.report("prune", 0, 3)
        until = time.monotonic() + 20
        while len(said) < 3 and time.monotonic() < until:
            time.sleep(0.01)
        lines.report("prune", 3, 3)
    assert len(said) >= 4
    assert all(line.startswith("prune: 0 of 3") for line in said[:-1])
    assert said[-1].startswith("prune: 3 of 3 (100%)")
    number = len(said)
    time.sleep(0.1)
    assert len(said) == number  # it ended with its context
