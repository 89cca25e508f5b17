"""The baseline is the release in force, measured on the same items and events as the
new encoder.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

from encoder.corpus.corpus import Corpus, build
from encoder.corpus.vector_cache import VectorCache
from encoder.release import compare as module
from encoder.release.catalogue import Catalogue
from encoder.release.compare import compare
from encoder.release.evaluate import evaluate
from encoder.release.mixture import judge_mixture
from encoder.release.publish import Judged, publish
from encoder.release.shelf import Shelf
from encoder.serving.embed import Embedder
from encoder.serving.gate import COSINE
from encoder.serving.wire import Thresholds
from tests.encoder.making import catalogue, clicks, static_artifact, unit_rows
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
    assert compared.catalogue.made_by == "student"
    assert compared.said == [
        "clicks have no part in the vectors (too few users clicked before and after the cutoff)",
        "compared with nothing: there is no release in force yet",
    ]


def test_release_in_force_is_measured_again_and_not_believed(shelf: Shelf, tmp_path: Path) -> None:
    old = static_artifact(tmp_path / "old", seed=1)
    release = published(old, shelf)
    assert release.metrics == {"ndcg@10": 0.3}
    compared = compare(static_artifact(tmp_path / "new", seed=2), corpus(), shelf, GATE)
    assert compared.judged.baseline["ndcg@10"] == evaluate(old, corpus())["ndcg@10"] != 0.3
    assert release.version in compared.said[-1]


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
    assert "cannot be measured again" in compared.said[-1]


def test_asymmetric_release_in_force_is_measured_with_its_stored_vectors_and_its_student(
    shelf: Shelf, tmp_path: Path
) -> None:
    made = corpus()
    old = static_artifact(tmp_path / "old", seed=1)
    student = Embedder(old).embed(made.texts)
    taught = student + 0.5 * unit_rows(len(made), seed=7)
    taught /= np.linalg.norm(taught, axis=1, keepdims=True)
    texts = dict(zip(made.item_ids, made.texts, strict=True))
    judged = Judged({"ndcg@10": 0.3, COSINE: 0.9}, {}, GATE)
    outcome = publish(old, texts, judged, shelf, 1.0, catalogue=Catalogue("teacher", taught))
    assert outcome.release is not None, outcome.reasons
    compared = compare(static_artifact(tmp_path / "new", seed=2), made, shelf, GATE, taught)
    expected = judge_mixture(taught, student, made, taught)
    found = compared.judged.baseline
    assert {name: found[name] for name in expected} == expected


def test_only_texts_that_no_run_embedded_before_are_embedded(
    shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    items = catalogue(60)
    made, grown = (build(items[:n], clicks(items)) for n in (50, 60))
    new = static_artifact(tmp_path / "new")
    embed_texts, calls = Embedder.embed_texts, []
    monkeypatch.setattr(module, "speed", lambda *_: 1.0)
    monkeypatch.setattr(
        Embedder, "embed_texts", lambda self, texts: calls.extend(texts) or embed_texts(self, texts)
    )
    with VectorCache(tmp_path / "kept") as cache:
        compare(new, made, shelf, GATE, cache=cache, threads=2)
        assert sorted(calls) == sorted(set(made.texts))
        again = compare(new, grown, shelf, GATE, cache=cache, threads=2)
    assert sorted(calls) == sorted(set(grown.texts))
    np.testing.assert_array_equal(again.catalogue.vectors, embed_texts(Embedder(new), grown.texts))
