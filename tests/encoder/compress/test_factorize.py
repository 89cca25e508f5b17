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
    """What the first layer's norm is given for each token, places apart."""
    return (student.widen(student.tokens.weight) + student.positions[0]).detach()


def counts(model):
    ids = [token for encoding in model.tokenizer.encode_batch_fast(TEXTS) for token in encoding.ids]
    return np.bincount(ids, minlength=model.student.shape.vocabulary) + 1.0


def test_a_table_of_low_rank_loses_nothing(model):
    low = copy(model)
    low.student.tokens.weight.data = low.student.tokens.weight.data[:, :5] @ torch.randn(
        5, 32, generator=torch.Generator().manual_seed(0)
    )
    narrow = factorize(low, TEXTS, 5)
    assert narrow.student.tokens.weight.shape[1] == 5
    assert torch.allclose(unit_vectors(narrow, TEXTS), unit_vectors(low, TEXTS), atol=1e-4)


def test_the_product_is_the_best_of_its_rank_for_tokens_as_often_as_texts_have_them(model):
    table = (model.student.tokens.weight + model.student.positions[0]).detach().numpy()
    often = counts(model)[:, None]
    sizes = np.linalg.svd(
        np.sqrt(often) * (table - (often * table).sum(0) / often.sum()), compute_uv=False
    )
    left_over = (often * (product(factorize(model, TEXTS, 10).student).numpy() - table) ** 2).sum()
    assert left_over == pytest.approx((sizes[10:] ** 2).sum(), rel=1e-3)


def test_frequent_tokens_lose_less_than_rare_ones(model):
    lost = (
        (
            product(factorize(model, TEXTS * 50, 10).student)
            - model.student.tokens.weight
            - model.student.positions[0]
        )
        .square()
        .sum(1)
    )
    seen = torch.from_numpy(counts(model)) > 1
    assert lost[seen].mean() < lost[~seen].mean() / 2


def test_twice_is_as_good_as_once(model):
    once, twice = factorize(model, TEXTS, 6), factorize(factorize(model, TEXTS, 12), TEXTS, 6)
    assert torch.allclose(product(once.student), product(twice.student), atol=1e-4)


@pytest.mark.parametrize("width", [0, 32])
def test_widths_out_of_range_are_refused(model, width):
    with pytest.raises(ValueError, match="between 1 and 31"):
        factorize(model, TEXTS, width)
