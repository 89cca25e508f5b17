"""Narrow token vectors: exact where the table has that rank, best otherwise."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encoder.compress.factorize import factorize
from encoder.compress.project import unit_vectors
from tests.encoder.compress.test_prune import copy

TEXTS = ["adalin 1. drama.", "bomor, cynor."]


def product(student):
    return student.widen(student.tokens.weight).detach()


def test_a_table_of_low_rank_loses_nothing(model):
    low = copy(model)
    low.student.tokens.weight.data = low.student.tokens.weight.data[:, :5] @ torch.randn(5, 32, generator=torch.Generator().manual_seed(0))
    narrow = factorize(low, TEXTS, 5)
    assert narrow.student.tokens.weight.shape[1] == 5
    assert torch.allclose(unit_vectors(narrow, TEXTS), unit_vectors(low, TEXTS), atol=1e-4)


def test_the_product_is_the_best_of_its_rank(model):
    table = model.student.tokens.weight.detach()
    sizes = np.linalg.svd(table.numpy(), compute_uv=False)
    left_over = float((product(factorize(model, TEXTS, 10).student) - table).square().sum())
    assert left_over == pytest.approx(float((sizes[10:] ** 2).sum()), rel=1e-3)


def test_twice_is_as_good_as_once(model):
    once, twice = factorize(model, TEXTS, 6), factorize(factorize(model, TEXTS, 12), TEXTS, 6)
    assert torch.allclose(product(once.student), product(twice.student), atol=1e-4)


@pytest.mark.parametrize("width", [0, 32])
def test_widths_out_of_range_are_refused(model, width):
    with pytest.raises(ValueError, match="between 1 and 31"):
        factorize(model, TEXTS, width)
