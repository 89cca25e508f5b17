"""Artifacts appear whole or not at all, and know when a byte of them is not what it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from encoder.serving.artifact import Artifact, ArtifactConfig, ArtifactError, Card, load
from encoder.serving.artifact_writing import link_files, with_card, writing
from tests.encoder.making import static_artifact, tokenizer_of


def test_loaded_artifact_says_what_it_is(tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "a", dim=8, metrics={"ndcg@10": 0.5})
    assert (artifact.kind, artifact.dim, artifact.config.max_tokens) == ("static", 8, 16)
    assert artifact.card.metrics == {"ndcg@10": 0.5}
    assert artifact.is_complete()
    files = ("table.npy", "tokenizer.json")
    assert artifact.model_bytes == sum((tmp_path / "a" / name).stat().st_size for name in files)


def test_version_is_made_from_the_content_and_not_from_the_card(tmp_path: Path) -> None:
    one = static_artifact(tmp_path / "a", seed=0, metrics={"m": 1.0})
    same = static_artifact(tmp_path / "b", seed=0, metrics={"m": 2.0})
    other = static_artifact(tmp_path / "c", seed=1)
    assert one.version == same.version != other.version
    assert one.version.startswith("static-8-")
    assert one.sha256 != same.sha256  # the hash covers the card too


def test_fingerprint_is_of_what_says_something_of_texts(tmp_path: Path) -> None:
    """Figures and the vectors of a catalogue do not; another table or a longer input does."""
    one, other = static_artifact(tmp_path / "a"), static_artifact(tmp_path / "b", seed=1)
    with writing(tmp_path / "c", one.config, Card(metrics={"m": 1.0})) as folder:
        link_files(one, folder)
        np.save(folder / "embeddings.npy", np.zeros((2, 8), np.float32))
    with writing(tmp_path / "d", msgspec.structs.replace(one.config, max_tokens=9), Card()) as at:
        link_files(one, at)
    released, longer = load(tmp_path / "c"), load(tmp_path / "d")
    assert released.version != one.version
    assert released.fingerprint == one.fingerprint
    assert len({one.fingerprint, other.fingerprint, longer.fingerprint}) == 3


@pytest.mark.parametrize("name", ["table.npy", "tokenizer.json", "config.json", "card.json"])
def test_one_changed_byte_in_any_file_is_refused(tmp_path: Path, name: str) -> None:
    artifact = static_artifact(tmp_path / "a")
    content = bytearray((artifact.path / name).read_bytes())
    content[-2] ^= 1
    (artifact.path / name).write_bytes(content)
    assert not artifact.is_complete()
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        load(artifact.path)


@pytest.mark.parametrize("name", ["table.npy", "tokenizer.json", "manifest.json", "config.json"])
def test_missing_file_is_named(tmp_path: Path, name: str) -> None:
    artifact = static_artifact(tmp_path / "a")
    (artifact.path / name).unlink()
    with pytest.raises(ArtifactError, match=name.replace(".", r"\.")):
        load(artifact.path)


def test_manifest_of_another_hash_is_refused(tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "a")
    assert load(artifact.path, artifact.sha256) == artifact
    with pytest.raises(ArtifactError, match="expected SHA-256 aaaa"):
        load(artifact.path, "a" * 64)


def test_unknown_format_is_refused(tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "a")
    manifest = json.loads((artifact.path / "manifest.json").read_text())
    (artifact.path / "manifest.json").write_text(json.dumps(manifest | {"format": 9}))
    with pytest.raises(ArtifactError, match="expected format 1, found 9"):
        load(artifact.path)


def test_failure_while_writing_leaves_what_was_there(tmp_path: Path) -> None:
    before = static_artifact(tmp_path / "a")
    with (
        pytest.raises(RuntimeError, match="disk full"),
        writing(tmp_path / "a", before.config, Card()) as folder,
    ):
        np.save(folder / "table.npy", np.zeros((1, 1)))
        raise RuntimeError("disk full")
    assert load(tmp_path / "a") == before
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_artifact_without_weights_is_never_made(tmp_path: Path) -> None:
    with (
        pytest.raises(ArtifactError, match=r"expected table\.npy"),
        writing(tmp_path / "a", ArtifactConfig("static", 4), Card()) as f,
    ):
        tokenizer_of().save(str(f / "tokenizer.json"))
    assert list(tmp_path.iterdir()) == []


def test_writing_replaces_an_artifact_whole(tmp_path: Path) -> None:
    old = static_artifact(tmp_path / "a", seed=0)
    new = static_artifact(tmp_path / "a", seed=1)
    assert load(tmp_path / "a").version == new.version != old.version
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_new_card_changes_the_figures_and_nothing_else(tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "a")
    carded = with_card(artifact, Card(metrics={"ndcg@10": 0.25}, steps=[{"step": "quantize"}]))
    assert carded.version == artifact.version
    assert carded.card.metrics == {"ndcg@10": 0.25}
    assert load(tmp_path / "a") == carded


def test_linked_files_leave_out_what_is_not_kept(tmp_path: Path) -> None:
    artifact = static_artifact(tmp_path / "a")
    (tmp_path / "b").mkdir()
    link_files(artifact, tmp_path / "b", keep=lambda name: name != "table.npy")
    assert [path.name for path in (tmp_path / "b").iterdir()] == ["tokenizer.json"]


KILLED = """
import sys, time, pathlib
from encoder.serving.artifact import ArtifactConfig, Card
from encoder.serving.artifact_writing import writing
out = pathlib.Path(sys.argv[1])
with writing(out, ArtifactConfig("static", 4), Card()) as folder:
    (folder / "table.npy").write_bytes(b"half")
    print("half", flush=True)
    time.sleep(60)
"""


def test_process_killed_while_writing_leaves_the_old_artifact(tmp_path: Path) -> None:
    before: Artifact = static_artifact(tmp_path / "a")
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "a")], stdout=subprocess.PIPE, cwd=os.getcwd()
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"half\n"
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    assert load(tmp_path / "a") == before
    time.sleep(0)
