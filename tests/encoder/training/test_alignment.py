"""Targets keep the teacher's cosines and lie where the student already looks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encoder.compress.project import project, unit_vectors
from encoder.corpus.teacher import load_teacher
from encoder.training.alignment import aim, targets
from encoder.training.initialise import adopt
from tests.encoder.tiny import corpus, save_teacher

TEXTS = corpus(60).texts


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A student of full size and what the teacher says."""
    teacher = load_teacher(save_teacher(tmp_path_factory.mktemp("teacher")))
    return adopt(teacher), torch.from_numpy(teacher.embed(TEXTS))


def test_a_fresh_student_of_full_size_is_at_its_target(taught):
    model, vectors = taught
    projected, axes = aim(model, vectors, TEXTS, 12)
    goal = targets(vectors, axes)
    said = unit_vectors(projected, TEXTS)
    assert said.shape == goal.shape == (60, 12)
    assert (said * goal).sum(1).min() > 0.999  # gelu's tanh form is the rest


def test_targets_have_the_cosines_of_the_best_projection(taught):
    model, vectors = taught
    goal = targets(vectors, aim(model, vectors, TEXTS, 12)[1])
    left, size, _ = torch.linalg.svd(vectors, full_matrices=False)
    best = torch.nn.functional.normalize(left[:, :12] * size[:12], dim=1)
    np.testing.assert_allclose(goal @ goal.T, best @ best.T, atol=1e-4)


def test_a_student_with_axes_of_its_own_keeps_them(taught):
    """Turned by a random rotation, it is at its target all the same."""
    model, vectors = taught
    turned = project(model, TEXTS, 12)
    rotation = torch.linalg.qr(torch.randn(12, 12, generator=torch.Generator().manual_seed(0)))[0]
    turned.student.project.weight.data = rotation @ turned.student.project.weight.data
    same, axes = aim(turned, vectors, TEXTS, 12)
    assert same is turned
    assert (unit_vectors(turned, TEXTS) * targets(vectors, axes)).sum(1).mean() > 0.99


@pytest.mark.parametrize("dim", [8, 64])
def test_dimensions_that_do_not_fit_are_refused(taught, dim):
    model, vectors = taught
    with pytest.raises(ValueError, match=f"expected a student of {dim} dimensions"):
        aim(project(model, TEXTS, 12), vectors, TEXTS, dim)
