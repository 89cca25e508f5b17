"""Rollback on real brokers: the earlier release comes back whole, or nothing changes."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from encoder.corpus.kafka_log import read_topic
from encoder.release.catalogue import Catalogue
from encoder.release.publish import Judged, publish
from encoder.release.rollback import rollback
from encoder.release.shelf import Shelf, in_force
from encoder.serving.artifact import ArtifactError, load
from encoder.serving.embed import Embedder
from encoder.serving.gate import COSINE
from encoder.serving.wire import ROLLBACK, Thresholds
from tests.encoder.making import static_artifact, unit_rows
from tests.encoder.release.test_publish import published, texts, worker


def test_earlier_release_is_in_force_again_with_its_own_vectors(
    shelf: Shelf, tmp_path: Path
) -> None:
    one, two = static_artifact(tmp_path / "one", seed=1), static_artifact(tmp_path / "two", seed=2)
    first, second = published(one, shelf, 1000.0), published(two, shelf, 2000.0)
    outcome = rollback(first.version, shelf, 3000.0)
    assert outcome.release is not None
    assert (outcome.release.version, outcome.release.previous, outcome.release.status) == (
        first.version,
        second.version,
        ROLLBACK,
    )
    assert in_force(shelf) == outcome.release
    current = worker(shelf).current()
    assert current is not None
    assert current.version == first.version
    np.testing.assert_array_equal(
        current.take(["item-3"])[0], Embedder(one).embed([texts()["item-3"]])
    )


def test_release_after_a_rollback_takes_over_again(shelf: Shelf, tmp_path: Path) -> None:
    first = published(static_artifact(tmp_path / "one", seed=1), shelf, 1000.0)
    published(static_artifact(tmp_path / "two", seed=2), shelf, 2000.0)
    rollback(first.version, shelf, 3000.0)
    third = published(static_artifact(tmp_path / "three", seed=3), shelf, 4000.0)
    current = worker(shelf).current()
    assert current is not None
    assert (current.version, third.previous) == (third.version, first.version)


def test_rollback_brings_back_a_catalogue_that_another_encoder_made(
    shelf: Shelf, tmp_path: Path
) -> None:
    vectors = unit_rows(30, seed=11)
    first = publish(
        static_artifact(tmp_path / "one", seed=1),
        texts(),
        Judged({COSINE: 0.9}, {}, Thresholds()),
        shelf,
        1000.0,
        catalogue=Catalogue("teacher", vectors),
    ).release
    assert first is not None
    published(static_artifact(tmp_path / "two", seed=2), shelf, 2000.0)
    again = rollback(first.version, shelf, 3000.0).release
    assert again is not None
    assert (again.version, again.catalogue) == (first.version, "teacher")
    current = worker(shelf).current()
    assert current is not None
    np.testing.assert_array_equal(current.take(sorted(texts()))[0], vectors)


def test_rollback_to_a_release_with_lower_figures_is_let_through(
    shelf: Shelf, tmp_path: Path
) -> None:
    low = Judged({"ndcg@10": 0.1}, {}, Thresholds(drop={"ndcg@10": 0.01}))
    first = publish(static_artifact(tmp_path / "one", seed=1), texts(), low, shelf, 1000.0).release
    assert first is not None
    published(static_artifact(tmp_path / "two", seed=2), shelf, 2000.0)
    assert rollback(first.version, shelf, 3000.0).release is not None
    current = worker(shelf).current()
    assert current is not None
    assert current.version == first.version


def test_unknown_version_lists_the_known(shelf: Shelf, tmp_path: Path) -> None:
    assert rollback("v9", shelf, 1.0).reasons == [
        "version: expected one of the releases on the topic (none), found 'v9'"
    ]
    first = published(static_artifact(tmp_path / "one"), shelf)
    assert first.version in rollback("v9", shelf, 1.0).reasons[0]


def test_release_in_force_is_not_rolled_back_to(shelf: Shelf, tmp_path: Path) -> None:
    first = published(static_artifact(tmp_path / "one"), shelf)
    assert rollback(first.version, shelf, 2000.0).reasons == [
        f"version: {first.version} is in force already"
    ]


def test_folder_that_is_nowhere_changes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    first = published(static_artifact(tmp_path / "one", seed=1), shelf, 1000.0)
    second = published(static_artifact(tmp_path / "two", seed=2), shelf, 2000.0)
    shutil.rmtree(shelf.folder / first.version)
    empty = dataclasses.replace(shelf.topics, encoder_files=shelf.topics.clicks)
    with pytest.raises(ArtifactError, match="expected an encoder artifact"):
        rollback(first.version, shelf._replace(topics=empty), 3000.0)
    assert in_force(shelf) == second
    assert [each.name for each in shelf.folder.iterdir()] == [second.version]


def test_folder_that_is_not_here_comes_from_kafka(kafka_shelf: Shelf, tmp_path: Path) -> None:
    """Of four releases the last three stay; the parts of the first are forgotten."""
    shelf = kafka_shelf
    made = [
        published(static_artifact(tmp_path / f"{n}", seed=n), shelf, 1000.0 + n) for n in range(4)
    ]
    last = dict(read_topic(shelf.client, shelf.topics.encoder_files))
    here = {(key or b"").split(b"/")[0].decode() for key, value in last.items() if value}
    assert here == {each.version for each in made[1:]}
    assert len(last) > sum(value is not None for value in last.values())
    shutil.rmtree(shelf.folder)
    outcome = rollback(made[1].version, shelf, 3000.0)
    assert in_force(shelf) == outcome.release
    assert load(shelf.folder / made[1].version).sha256 == made[1].sha256


def test_folder_that_was_changed_changes_nothing(shelf: Shelf, tmp_path: Path) -> None:
    first = published(static_artifact(tmp_path / "one", seed=1), shelf, 1000.0)
    second = published(static_artifact(tmp_path / "two", seed=2), shelf, 2000.0)
    vectors = shelf.folder / first.version / "embeddings.npy"
    vectors.write_bytes(vectors.read_bytes()[:-1] + b"\x7f")
    with pytest.raises(ArtifactError, match=r"embeddings\.npy: expected SHA-256"):
        rollback(first.version, shelf, 3000.0)
    assert in_force(shelf) == second
