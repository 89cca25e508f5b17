"""Layer drop."""

from __future__ import annotations

import pytest
import torch

from encoder.compress.keep_layers import keep_layers
from encoder.compress.project import unit_vectors

TEXTS = ["adalin 1. drama.", "bomor, cynor."]


def test_all_layers_are_the_model(model):
    assert torch.equal(
        unit_vectors(keep_layers(model, TEXTS, [0, 1, 2]), TEXTS), unit_vectors(model, TEXTS)
    )


def test_kept_layers_are_those_named_and_in_that_order(model):
    kept = keep_layers(model, TEXTS, [2, 0])
    assert torch.equal(kept.student.layers[0].up.weight, model.student.layers[2].up.weight)
    assert torch.equal(kept.student.layers[1].up.weight, model.student.layers[0].up.weight)


def test_the_vector_is_that_of_the_last_layer_kept(model):
    kept = keep_layers(model, TEXTS, [0, 1])
    ids = torch.tensor([model.tokenizer.encode(TEXTS[0]).ids])
    with torch.inference_mode():
        output = kept.student(ids, torch.ones_like(ids))
    assert torch.allclose(output.vectors[0], output.states[0].mean(0), atol=1e-5)


@pytest.mark.parametrize("keep", [[], [3], [-1]])
def test_layers_that_there_are_not_are_refused(model, keep):
    with pytest.raises(ValueError, match="from 0 to 2"):
        keep_layers(model, TEXTS, keep)
