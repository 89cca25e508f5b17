"""Structured pruning cuts what does nothing first."""

from __future__ import annotations

import sys

import pytest
import torch

from encoder.compress.project import unit_vectors
from encoder.compress.prune import _cut, prune
from encoder.student import Model, Student

TEXTS = ["adalin 1. drama.", "bomor, cynor. comedy.", "eve x 12."]


def copy(model: Model) -> Model:
    student = Student(model.student.shape)
    student.load_state_dict(model.student.state_dict())
    return model._replace(student=student.eval())


def test_heads_and_units_without_effect_go_first_and_nothing_changes(model):
    """Heads 1 and 2 and units 3 to 34 of each layer are cut off from the output, by hand."""
    silent = copy(model)
    for layer in silent.student.each_layer():
        layer.out.weight.data[:, 8:24] = 0  # heads of 8
        layer.down.weight.data[:, 3:35] = 0
    pruned = prune(silent, TEXTS, heads=2, units=32)
    for before, after in zip(silent.student.each_layer(), pruned.student.each_layer(), strict=True):
        assert torch.allclose(after.out.weight, before.out.weight[:, [*range(8), *range(24, 32)]], atol=1e-5)
        assert torch.equal(after.up.weight, before.up.weight[[*range(3), *range(35, 64)]])
    assert torch.allclose(unit_vectors(pruned, TEXTS), unit_vectors(silent, TEXTS), atol=1e-5)


def test_more_than_there_is_keeps_everything(model):
    assert torch.allclose(unit_vectors(prune(model, TEXTS, 99, 999), TEXTS), unit_vectors(model, TEXTS), atol=1e-5)


def test_what_is_kept_matters_more_than_what_is_cut(model):
    exact = unit_vectors(model, TEXTS)
    half = prune(model, TEXTS, 4, 32)
    other = copy(half)
    for layer, whole, kept in zip(other.student.each_layer(), model.student.each_layer(), half.student.each_layer(), strict=True):
        same = (whole.up.weight[:, None] == kept.up.weight[None]).all(2).any(1)  # (64,)
        layer.load_state_dict(_cut(whole, torch.arange(4), (~same).nonzero()[:, 0]))
    assert (unit_vectors(half, TEXTS) * exact).sum() > (unit_vectors(other, TEXTS) * exact).sum()


def test_what_is_kept_is_fitted_again(model, monkeypatch):
    """Half of the units, a quarter of the heads: nearer to the whole network than the bare cut, on texts that the fit has not read too."""
    fitted, unseen = prune(model, TEXTS, 1, 32), ["cynor adalin. comedy 12.", "eve. drama, bomor x 1."]
    monkeypatch.setattr(sys.modules["encoder.compress.prune"], "mend", lambda *_: None)
    bare = prune(model, TEXTS, 1, 32)
    for texts in (TEXTS, unseen):
        exact = unit_vectors(model, texts)
        assert (unit_vectors(fitted, texts) * exact).sum() > (unit_vectors(bare, texts) * exact).sum()


@pytest.mark.parametrize(("heads", "units"), [(0, 4), (4, 0)])
def test_nothing_left_is_refused(model, heads, units):
    with pytest.raises(ValueError, match="at least 1"):
        prune(model, TEXTS, heads, units)


def test_no_texts_are_refused(model):
    with pytest.raises(ValueError, match="0 texts"):
        prune(model, [], 2, 2)
