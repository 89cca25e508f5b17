"""Labels of the teacher: right, kept, and taken up where an interruption left them."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
import torch

from encoder.corpus import teacher_cache as module
from encoder.corpus.teacher import load_teacher
from encoder.corpus.teacher_cache import label, read_vectors
from encoder.corpus.vector_cache import VectorCache
from tests.encoder.tiny import corpus, save_teacher

TEXTS = corpus().texts[:50]


@pytest.fixture(scope="module")
def teacher(tmp_path_factory):
    return load_teacher(save_teacher(tmp_path_factory.mktemp("teacher")))


@pytest.fixture(autouse=True)
def small_batches(monkeypatch):
    monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(module, "SAVE_EVERY_S", 0.0)


def test_vectors_and_states_are_the_teachers(teacher, tmp_path):
    found = label(teacher, TEXTS, tmp_path, half=False)
    np.testing.assert_allclose(found.vectors, teacher.embed(TEXTS), atol=1e-5)
    for row, ids in enumerate(teacher.tokens(TEXTS)):
        states = found.states[found.starts[row] : found.starts[row + 1]].astype(np.float32)
        mean = states.mean(0)
        # states are float16
        np.testing.assert_allclose(mean / np.linalg.norm(mean), found.vectors[row], atol=1e-2)
        assert found.tokens[found.starts[row] : found.starts[row + 1]].tolist() == ids


def test_half_precision_is_near(teacher, tmp_path):
    exact, near = (
        label(teacher, TEXTS, tmp_path, half=False),
        label(teacher, TEXTS, tmp_path, half=True),
    )
    assert (exact.vectors * near.vectors).sum(1).min() > 0.999


def test_nothing_is_computed_twice(teacher, tmp_path, monkeypatch):
    before = label(teacher, TEXTS, tmp_path)
    monkeypatch.setattr(type(teacher), "read", lambda *_: pytest.fail("read again"))
    after = label(teacher, TEXTS, tmp_path)
    assert (before.vectors == after.vectors).all()


def test_known_labels_are_copied_and_the_others_computed(teacher, tmp_path):
    known, through = (
        label(teacher, TEXTS[:20], tmp_path),
        label(teacher, TEXTS, tmp_path / "through"),
    )
    calls = []
    found = label(
        teacher, TEXTS, tmp_path, known=known, progress=lambda done, all_of: calls.append(all_of)
    )
    assert calls == 4 * [4]  # batches of 8 for 30 texts
    # padded to other lengths in other batches, in half precision
    np.testing.assert_allclose(found.vectors, through.vectors, atol=1e-3)
    np.testing.assert_allclose(
        found.states[:].astype(np.float32), through.states[:].astype(np.float32), atol=0.05
    )


def test_other_texts_have_labels_of_their_own(teacher, tmp_path):
    label(teacher, TEXTS, tmp_path)
    label(teacher, TEXTS[:-1], tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


def test_interrupted_work_goes_on_and_ends_the_same(teacher, tmp_path):
    def stop(done, all_of):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        label(teacher, TEXTS, tmp_path / "a", progress=stop)
    assert json.loads(next((tmp_path / "a").glob("*/done.json")).read_text()) == 5
    calls = []
    resumed = label(
        teacher, TEXTS, tmp_path / "a", progress=lambda done, all_of: calls.append(done)
    )
    assert calls[0] == 6
    through = label(teacher, TEXTS, tmp_path / "b")
    assert (resumed.vectors == through.vectors).all()
    assert (resumed.states[:] == through.states[:]).all()


def test_vectors_alone_are_kept_by_teacher_and_text(teacher, tmp_path, monkeypatch):
    with VectorCache(tmp_path / "kept") as cache:
        before = read_vectors(teacher, TEXTS[:40], cache, threads=2)
        embedded, calls = type(teacher).embed, []
        monkeypatch.setattr(
            type(teacher), "embed", lambda self, texts: calls.extend(texts) or embedded(self, texts)
        )
        after = read_vectors(teacher, TEXTS, cache)
        assert sorted(calls) == sorted(TEXTS[40:])
        np.testing.assert_array_equal(after[:40], before)
        np.testing.assert_allclose(after, embedded(teacher, TEXTS), atol=1e-6)
        shorter = dataclasses.replace(teacher, max_tokens=5)
        read_vectors(shorter, TEXTS[:1], cache)
    assert calls[-1] == TEXTS[0]


def test_reading_leaves_the_threads_of_torch_as_they_were(teacher):
    before = torch.get_num_threads()
    read_vectors(teacher, TEXTS[:2], threads=2)
    assert torch.get_num_threads() == before
