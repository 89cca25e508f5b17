"""Projection keeps the inner products that can be kept."""

from __future__ import annotations

import numpy as np
import pytest

from encoder.compress.project import project, unit_vectors
from tests.encoder.tiny import corpus

TEXTS = corpus(40).texts


def test_the_full_dimension_is_a_rotation(model):
    before, after = unit_vectors(model, TEXTS), unit_vectors(project(model, TEXTS, 32), TEXTS)
    np.testing.assert_allclose(after @ after.T, before @ before.T, atol=1e-5)


def test_inner_products_are_those_of_the_best_rank(model):
    before = unit_vectors(model, TEXTS).numpy()
    projected = project(model, TEXTS, 6)
    left, size, right = np.linalg.svd(before, full_matrices=False)
    best = (left[:, :6] * size[:6]) @ right[:6]
    best /= np.linalg.norm(best, axis=1, keepdims=True)
    after = unit_vectors(projected, TEXTS).numpy()
    np.testing.assert_allclose(after @ after.T, best @ best.T, atol=1e-4)


@pytest.mark.parametrize("dim", [0, 33])
def test_dimensions_out_of_range_are_refused(model, dim):
    with pytest.raises(ValueError, match="between 1 and 32"):
        project(model, TEXTS, dim)


def test_too_few_texts_are_refused(model):
    with pytest.raises(ValueError, match="2 texts"):
        project(model, TEXTS[:2], 6)
