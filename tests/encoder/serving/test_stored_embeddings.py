"""Embeddings beside their encoder: they come back as they were, and three files that do not fit are
refused.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encoder.serving.artifact import Artifact, ArtifactError, Card, load
from encoder.serving.artifact_writing import link_files, writing
from encoder.serving.stored_embeddings import Stored, read_embeddings, write_embeddings
from tests.encoder.making import static_artifact, unit_rows


def with_embeddings(tmp_path: Path, stored: Stored) -> Artifact:
    artifact = static_artifact(tmp_path / "model")
    with writing(tmp_path / "release", artifact.config, Card()) as folder:
        link_files(artifact, folder)
        write_embeddings(folder, stored)
    return load(tmp_path / "release")


def test_embeddings_come_back_equal(tmp_path: Path) -> None:
    stored = Stored(["a", "b", "ä"], unit_rows(3), ["0" * 16, "1" * 16, "2" * 16])
    read = read_embeddings(with_embeddings(tmp_path, stored))
    assert (list(read.ids), list(read.hashes)) == (stored.ids, stored.hashes)
    np.testing.assert_array_equal(read.matrix, stored.matrix)


def test_embeddings_are_part_of_the_version_and_not_of_the_model_bytes(tmp_path: Path) -> None:
    release = with_embeddings(tmp_path, Stored(["a"], unit_rows(1), ["0"]))
    model = load(tmp_path / "model")
    assert release.version != model.version
    assert release.model_bytes == model.model_bytes


def test_writing_over_linked_embeddings_leaves_the_other_release_alone(tmp_path: Path) -> None:
    old = with_embeddings(tmp_path, Stored(["a"], unit_rows(1, seed=1), ["0"]))
    with writing(tmp_path / "next", old.config, Card()) as folder:
        link_files(old, folder)
        write_embeddings(folder, Stored(["b"], unit_rows(1, seed=2), ["1"]))
    assert old.is_complete()
    assert read_embeddings(load(tmp_path / "next")).ids == ["b"]


def test_artifact_without_embeddings_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="expected a release with embeddings"):
        read_embeddings(static_artifact(tmp_path / "a"))


@pytest.mark.parametrize(
    "stored",
    [
        Stored(["a", "b"], unit_rows(3), ["0", "1"]),
        Stored(["a"], unit_rows(1, dim=5), ["0"]),
        Stored(["a"], unit_rows(1), ["0", "1"]),
    ],
)
def test_rows_that_do_not_fit_are_refused(tmp_path: Path, stored: Stored) -> None:
    with pytest.raises(ArtifactError, match="rows of dimension 8"):
        read_embeddings(with_embeddings(tmp_path, stored))
