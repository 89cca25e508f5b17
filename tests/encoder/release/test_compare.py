"""The baseline is the release in force, measured on the same items and events as the
new encoder.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from encoder.corpus.corpus import Corpus, build
from encoder.release.compare import compare
from encoder.release.evaluate import evaluate
from encoder.release.shelf import Shelf
from encoder.serving.wire import Thresholds
from tests.encoder.making import catalogue, clicks, static_artifact
from tests.encoder.release.test_publish import published

GATE = Thresholds(drop={"ndcg@10": 0.01})


@pytest.fixture
def shelf(local_shelf: Shelf) -> Shelf:
    """What is tested here does not hang on the broker: one will do."""
    return local_shelf


def corpus() -> Corpus:
    items = catalogue(60)
    return build(items, clicks(items))


def test_first_encoder_has_no_baseline(shelf: Shelf, tmp_path: Path) -> None:
    compared = compare(static_artifact(tmp_path / "new"), corpus(), shelf, GATE)
    assert compared.judged.baseline == {}
    assert compared.judged.metrics["ndcg@10"] > 0
    assert compared.baseline == "there is no release in force yet"


def test_release_in_force_is_measured_again_and_not_believed(shelf: Shelf, tmp_path: Path) -> None:
    old = static_artifact(tmp_path / "old", seed=1)
    release = published(old, shelf)
    assert release.metrics == {"ndcg@10": 0.3}
    compared = compare(static_artifact(tmp_path / "new", seed=2), corpus(), shelf, GATE)
    assert compared.judged.baseline["ndcg@10"] == evaluate(old, corpus())["ndcg@10"] != 0.3
    assert release.version in compared.baseline


def test_release_whose_folder_is_gone_is_believed_where_it_was_measured(
    shelf: Shelf, tmp_path: Path
) -> None:
    """Neither here nor on Kafka."""
    release = published(static_artifact(tmp_path / "old", seed=1), shelf)
    shutil.rmtree(shelf.folder / release.version)
    empty = dataclasses.replace(shelf.topics, encoder_files=shelf.topics.clicks)
    shelf = shelf._replace(topics=empty)
    compared = compare(static_artifact(tmp_path / "new", seed=2), corpus(), shelf, GATE)
    assert compared.judged.baseline == {"ndcg@10": 0.3}
    assert "cannot be measured again" in compared.baseline
