"""A folder as records: whole again on the other side, or not there."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from encoder.serving import release_files
from encoder.serving.artifact import Artifact, ArtifactError
from encoder.serving.release_files import Receiving, part_of, parts
from encoder.serving.wire import Release
from tests.encoder.making import release, static_artifact

Records = list[tuple[bytes, bytes | None]]


@pytest.fixture
def artifact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    monkeypatch.setattr(release_files, "PART_BYTES", 100)
    return static_artifact(tmp_path / "model")


def records(artifact: Artifact) -> Records:
    return [(part.key.encode(), content) for part, content in parts(artifact)]


def named(artifact: Artifact) -> Release:
    return release(artifact.version, artifact.dim, sha256=artifact.sha256)


def received(record: Release, log: Records, folder: Path) -> Artifact:
    with Receiving(record, folder) as receiving:
        for key, value in log:
            receiving.add(key, value)
        return receiving.finish()


def test_the_folder_is_the_same_on_the_other_side(artifact: Artifact, tmp_path: Path) -> None:
    """In any order, with other releases and broken records between, and read twice."""
    other = static_artifact(tmp_path / "other", seed=1)
    log = records(artifact) + records(other)
    log += [(b"nonsense", b"x"), (b"", b"x"), (f"{artifact.version}/../0".encode(), b"x")]
    log += [(f"{artifact.version}/table.npy/0".encode(), None)]  # forgotten later: it was whole
    random.Random(5).shuffle(log)
    for _ in range(2):
        kept = received(named(artifact), log, tmp_path / "releases")
        assert kept.sha256 == artifact.sha256
        assert kept.path.name == artifact.version
    assert [each.name for each in (tmp_path / "releases").iterdir()] == [artifact.version]


@pytest.mark.parametrize("harm", ["a part is missing", "a part is another", "too large a part"])
def test_a_folder_that_is_not_whole_is_none(artifact: Artifact, tmp_path: Path, harm: str) -> None:
    log = records(artifact)
    key = f"{artifact.version}/table.npy/1".encode()
    content = dict(log)[key] or b""
    log = [each for each in log if each[0] != key]
    if harm == "a part is another":
        log.append((key, content[::-1]))
    elif harm == "too large a part":
        log.append((key, content + b"x"))
    with pytest.raises(ArtifactError, match=r"table\.npy: expected SHA-256"):
        received(named(artifact), log, tmp_path / "releases")
    assert list((tmp_path / "releases").iterdir()) == []


def test_nothing_of_it_on_the_topic_is_said(artifact: Artifact, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"expected an encoder artifact, found no manifest"):
        received(named(artifact), [], tmp_path / "releases")


@pytest.mark.parametrize("name", ["../up", "a/b", ".hidden", "", "/etc"])
def test_a_record_cannot_name_a_place_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ArtifactError, match="expected the name of a folder"):
        Receiving(release(artifact=name), tmp_path / "releases")


def test_a_broken_folder_in_its_place_gives_way(artifact: Artifact, tmp_path: Path) -> None:
    place = tmp_path / "releases" / artifact.version
    place.mkdir(parents=True)
    (place / "manifest.json").write_text("{}")
    assert received(named(artifact), records(artifact), tmp_path / "releases").is_complete()


@pytest.mark.parametrize(
    "key",
    (None, *b"|v/f|v/f/-1|v/f/01|v/f/x|v/../1|/f/1|v/.f/1|v/f/1\n|v/f/8192|\xff/f/1".split(b"|")),
)
def test_keys_that_name_no_part(key: bytes | None) -> None:
    assert part_of(key) is None
