"""The static student: a sum of rows, fitted to what the network says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encoder.compress.project import unit_vectors
from encoder.compress.static import fit, ids_of, start, static
from encoder.compress.student import save_model
from encoder.serving.artifact import Card
from encoder.serving.embed import Embedder
from tests.encoder.tiny import corpus

TEXTS = corpus(100).texts


def test_a_table_that_can_be_found_is_found():
    """Targets that are sums of rows of a hidden table: the fit reaches them from another start."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(12, 6, generator=generator)
    tokens = [torch.randint(0, 12, (5,), generator=generator).tolist() for _ in range(400)]
    targets = torch.nn.functional.normalize(
        torch.stack([hidden[ids].sum(0) for ids in tokens]), dim=1
    )
    found = fit(torch.randn(12, 6, generator=generator), tokens, targets, passes=1000, seed=0)
    said = torch.nn.functional.normalize(torch.stack([found[ids].sum(0) for ids in tokens]), dim=1)
    assert (said * targets).sum(1).mean() > 0.99


def test_frequent_tokens_weigh_less_at_the_start(model):
    tokens = ids_of(model, TEXTS)
    rows = start(model, tokens)
    seen = np.bincount([token for ids in tokens for token in ids], minlength=len(rows))
    sizes = rows.norm(dim=1).numpy()
    assert sizes[seen == 0] == pytest.approx(1.0, abs=1e-5)
    assert sizes[seen.argmax()] < 0.1


def test_the_fit_brings_it_nearer_to_the_network(model, tmp_path):
    artifact, exact = save_model(model, tmp_path / "a", Card()), unit_vectors(model, TEXTS).numpy()
    near = {}
    for passes in (0, 40):
        said = Embedder(static(artifact, TEXTS, tmp_path / str(passes), passes)).embed(TEXTS)
        near[passes] = (said * exact).sum(1).mean()
    assert near[40] > near[0] + 0.05


def test_8_bits_cost_little(model, tmp_path):
    artifact = save_model(model, tmp_path / "a", Card())
    small, large = (
        static(artifact, TEXTS, tmp_path / str(bits), 3, eight_bits=bits) for bits in (True, False)
    )
    assert (Embedder(small).embed(TEXTS) * Embedder(large).embed(TEXTS)).sum(1).min() > 0.999
    assert small.model_bytes < large.model_bytes


def test_no_texts_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match="found none"):
        static(save_model(model, tmp_path / "a", Card()), [], tmp_path / "b")
