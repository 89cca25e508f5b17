"""The batch side as users start it: arguments, exit status, and what is on stdout and stderr."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from encoder.corpus.kafka_log import Record, write_transaction
from encoder.release import cli
from encoder.release.shelf import Shelf, in_force
from encoder.serving.artifact import load
from tests.encoder.making import catalogue, clicks, static_artifact, tiny_teacher
from tests.encoder.release.test_publish import published, worker

NOWHERE = Shelf({"bootstrap.servers": "127.0.0.1:1"}, None, Path())  # type: ignore[arg-type]
TRAIN = """
[train]
steps = [{step = "keep_layers", keep = [0]}]
dim = 8
updates = 4
batch = 16
augmented = 0.5
max_tokens = 16
half = false
device = "cpu"
"""


@pytest.fixture
def shelf(local_shelf: Shelf) -> Shelf:
    """What is tested here does not hang on the broker: one will do."""
    return local_shelf


def start(arguments: Sequence[object], shelf: Shelf) -> int:
    """`slatestream encoder ARGUMENTS`, in this process."""
    parser = argparse.ArgumentParser()
    cli.add_parser(parser.add_subparsers(dest="command"))
    return cli.run(parser.parse_args(["encoder", *map(str, arguments)]), shelf.client, shelf.topics)


@pytest.fixture
def files(tmp_path: Path) -> list[object]:
    """A catalogue and its clicks as files: the arguments that name them."""
    items = catalogue(60)
    events = [
        dict(zip(("user_id", "item_id", "kind", "ts"), click, strict=True))
        for click in clicks(items)
    ]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (tmp_path / "clicks.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    return ["--items", tmp_path / "items.jsonl", "--clicks", tmp_path / "clicks.jsonl"]


@pytest.fixture
def plan(tmp_path: Path) -> list[object]:
    """A plan with a tiny teacher: the arguments that name it."""
    (tmp_path / "plan.toml").write_text(
        f'teacher = "{tiny_teacher(tmp_path / "teacher")}"\n{TRAIN}'
    )
    return ["--plan", tmp_path / "plan.toml"]


def answer(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def test_step_by_step_from_items_to_a_release(
    shelf: Shelf,
    files: list[object],
    plan: list[object],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    trained, small = tmp_path / "trained", tmp_path / "small"
    assert start(["train", *plan, *files, "--out", trained, "--json"], shelf) == 0
    assert answer(capsys)["version"] == load(trained).version
    assert start(["compress", trained, *plan, *files, "--out", small, "--json"], shelf) == 0
    assert answer(capsys)["bytes"] == load(small).model_bytes
    assert start(["evaluate", small, *plan, *files, "--recall", "--write", "--json"], shelf) == 0
    figures = answer(capsys)
    assert {"recall@10", "ndcg@10", "items_per_s"} <= figures.keys()
    assert load(small).card.metrics["recall@10"] == figures["recall@10"]
    assert (
        start(["publish", small, *plan, *files, "--releases", shelf.folder, "--json"], shelf) == 0
    )
    said = answer(capsys)
    assert said["published"] is True
    current = worker(shelf).current()
    assert current is not None
    assert current.version == said["version"]


def test_refresh_reads_the_topics_and_publishes(
    shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    items = catalogue(60)
    events = [
        dict(zip(("user_id", "item_id", "kind", "ts"), click, strict=True))
        for click in clicks(items)
    ]
    records = [Record(shelf.topics.items, str(i["item_id"]), json.dumps(i).encode()) for i in items]
    records += [
        Record(shelf.topics.clicks, str(e["user_id"]), json.dumps(e).encode()) for e in events
    ]
    write_transaction(shelf.client, "users", records)
    (tmp_path / "plan.toml").write_text(
        f'teacher = "{tiny_teacher(tmp_path / "teacher")}"\nmethod = "quick"\nquick = {{dim = 8}}\n'
    )
    arguments = [
        "refresh",
        "--plan",
        tmp_path / "plan.toml",
        "--work",
        tmp_path / "work",
        "--releases",
        shelf.folder,
        "--json",
    ]
    assert start(arguments, shelf) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["items"] == 60
    assert "corpus: 60 items, 240 clicks and conversions" in err
    assert in_force(shelf) is not None


def test_refused_publication_is_status_1_with_the_reasons(
    shelf: Shelf, files: list[object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = published(static_artifact(tmp_path / "old", seed=1), shelf)
    (tmp_path / "plan.toml").write_text('[gate.minimum]\n"ndcg@10" = 0.99\n')
    new = static_artifact(tmp_path / "new", seed=2)
    arguments = [
        "publish",
        new.path,
        "--plan",
        tmp_path / "plan.toml",
        *files,
        "--releases",
        shelf.folder,
        "--json",
    ]
    assert start(arguments, shelf) == 1
    out, err = capsys.readouterr()
    assert json.loads(out)["published"] is False
    assert "refused, the release in force stays: ndcg@10: expected at least 0.9900" in err
    assert in_force(shelf) == before


def test_rollback_by_name(shelf: Shelf, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = published(static_artifact(tmp_path / "one", seed=1), shelf, 1000.0)
    published(static_artifact(tmp_path / "two", seed=2), shelf, 2000.0)
    assert start(["rollback", first.version, "--releases", shelf.folder, "--json"], shelf) == 0
    assert answer(capsys)["status"] == "rollback"
    assert start(["rollback", first.version, "--releases", shelf.folder], shelf) == 1
    assert "is in force already" in capsys.readouterr().err


def test_folder_of_releases_comes_from_the_environment(
    shelf: Shelf,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = published(static_artifact(tmp_path / "one", seed=1), shelf, 1000.0)
    published(static_artifact(tmp_path / "two", seed=2), shelf, 2000.0)
    monkeypatch.setenv("SLATESTREAM_RELEASES_DIR", str(shelf.folder))
    assert start(["rollback", first.version, "--json"], shelf) == 0


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["evaluate", "nowhere", "--items", "items"],
            1,
            "expected an encoder artifact, found no manifest.json",
        ),
        (["evaluate", "encoder", "--items", "no-items"], 1, "no-items"),
        (
            ["evaluate", "encoder", "--items", "empty"],
            1,
            "expected at least one item in the corpus",
        ),
        (["evaluate", "encoder", "--clicks", "items"], 2, "--clicks: expected --items beside it"),
        (["evaluate", "encoder", "--items", "items", "--plan", "plan"], 2, "`techer`"),
        (["train", "--items", "items", "--plan", "plan", "--out", "x"], 2, "`techer`"),
    ],
)
def test_what_is_wrong_is_one_line_on_stderr(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    static_artifact(tmp_path / "encoder")
    (tmp_path / "items").write_text('{"item_id": "a", "title": "red hat"}\n')
    (tmp_path / "empty").write_text("")
    (tmp_path / "plan").write_text("techer = 1\n")
    assert start(arguments, NOWHERE) == status
    err = capsys.readouterr().err.strip().splitlines()
    assert said in err[-1]
    assert err[-1].startswith("slatestream encoder: ")


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["train"], ["publish"], ["rollback"], ["sing"]):
        with pytest.raises(SystemExit) as ended:
            start(arguments, NOWHERE)
        assert ended.value.code == 2


WITHOUT = """
import sys
for name in ("torch", "transformers"):
    # importing it raises ModuleNotFoundError, as where it is not installed
    sys.modules[name] = None
from streams.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_without_the_extra_serving_steps_work_and_training_says_what_to_install(
    files: list[object], tmp_path: Path
) -> None:
    static_artifact(tmp_path / "encoder")

    def started(*arguments: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT, "encoder", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, text=True, check=False, env=dict(os.environ), timeout=60
        )

    done = started("evaluate", tmp_path / "encoder", *files, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ndcg@10"] > 0
    done = started("train", *files, "--out", tmp_path / "x")
    assert done.returncode == 1
    assert "torch is not installed; run pip install 'slatestream[encoder]'" in done.stderr
