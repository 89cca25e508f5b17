"""The demo's encoder release: said plainly whether it was made, and never waited for
without end.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from streams.config import load_settings
from streams.demo import release
from streams.demo.stage import Stage


@pytest.fixture
def on(tmp_path: Path) -> Stage:
    (tmp_path / release.LOG).write_text("Traceback\nValueError: no teacher\n")
    return Stage(load_settings({}), {}, tmp_path, embedded=True)


def process(code: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def test_what_the_process_said_last_is_the_sentence(on: Stage) -> None:
    assert (
        release.finish(process("print('more'); print('static-128: 3 items')"), on)
        == "static-128: 3 items"
    )


def test_a_process_that_failed_is_quoted_from_its_log(on: Stage) -> None:
    said = release.finish(process("raise SystemExit(3)"), on)
    assert said == "none: the process ended with 3, ValueError: no teacher"


def test_a_process_that_takes_too_long_is_given_up(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "PATIENCE_S", 0.1)
    slow = process("import time; time.sleep(60)")
    try:
        assert release.finish(slow, on).startswith(
            "none: it was not made 0.1 s after the last visit"
        )
    finally:
        slow.kill()
        slow.communicate()


def test_what_is_lacking_is_named_and_nothing_is_started(
    on: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(release, "NEEDED", ("no_such_package",))
    with release.making(on, [{"item_id": "a"}]) as nothing:
        assert nothing is None
        assert release.finish(nothing, on).startswith(
            "left out: the extra `encoder` is not installed"
        )
    assert not (on.directory / "items.jsonl").exists()


def test_the_process_ends_with_its_block(on: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(release, "lacking", lambda: None)
    with release.making(on, [{"item_id": "a", "title": "A"}]) as started:
        assert started is not None
        assert [
            json.loads(line) for line in (on.directory / "items.jsonl").read_text().splitlines()
        ] == [{"item_id": "a", "title": "A"}]
    assert started.poll() is not None
