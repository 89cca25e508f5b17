"""Structured pruning cuts what does nothing first."""

from __future__ import annotations

import sys

import pytest
import torch

from encoder.compress.project import unit_vectors
from encoder.compress.prune import _cut, kept, prune
from encoder.compress.student import Model, Student

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
        assert torch.allclose(
            after.out.weight, before.out.weight[:, [*range(8), *range(24, 32)]], atol=1e-5
        )
        assert torch.equal(after.up.weight, before.up.weight[[*range(3), *range(35, 64)]])
    assert torch.allclose(unit_vectors(pruned, TEXTS), unit_vectors(silent, TEXTS), atol=1e-5)


def test_of_two_that_say_the_same_one_is_enough():
    """Columns 0 and 1 are read alike and weigh most; without either, nothing is lost once the other
    is fitted again.
    """
    x = torch.randn(400, 4, generator=torch.Generator().manual_seed(1))
    x[:, 1] = x[:, 0]
    weight = torch.tensor([[5.0, 4.0, 1.0, 0.5]])
    assert len({0, 1} & set(kept(weight, x.T @ x, 1, 3).tolist())) == 1
    assert set(kept(weight, x.T @ x, 1, 2).tolist()) in ({0, 2}, {1, 2})


def test_the_last_group_left_is_the_one_whose_loss_fitted_again_is_highest():
    """Groups of two columns, by brute force: the residual of the output when only that group is
    left.
    """
    generator = torch.Generator().manual_seed(2)
    x, weight = (
        torch.randn(500, 6, generator=generator).double(),
        torch.randn(3, 6, generator=generator).double(),
    )
    y = x @ weight.T
    left = [torch.linalg.lstsq(x[:, at : at + 2], y).solution for at in (0, 2, 4)]
    residuals = [
        (y - x[:, at : at + 2] @ found).square().sum().item()
        for at, found in zip((0, 2, 4), left, strict=True)
    ]
    assert kept(weight.float(), (x.T @ x).float(), 2, 1).tolist() == [
        residuals.index(min(residuals))
    ]


def test_more_than_there_is_keeps_everything(model):
    assert torch.allclose(
        unit_vectors(prune(model, TEXTS, 99, 999), TEXTS), unit_vectors(model, TEXTS), atol=1e-5
    )


def test_what_is_kept_matters_more_than_what_is_cut(model):
    exact = unit_vectors(model, TEXTS)
    half = prune(model, TEXTS, 4, 32)
    other = copy(half)
    for layer, whole, left in zip(
        other.student.each_layer(),
        model.student.each_layer(),
        half.student.each_layer(),
        strict=True,
    ):
        same = (whole.up.weight[:, None] == left.up.weight[None]).all(2).any(1)  # (64,)
        layer.load_state_dict(_cut(whole, torch.arange(4), (~same).nonzero()[:, 0]))
    assert (unit_vectors(half, TEXTS) * exact).sum() > (unit_vectors(other, TEXTS) * exact).sum()


def test_what_is_kept_is_fitted_again(model, monkeypatch):
    """Half of the units, a quarter of the heads: nearer to the whole network than the bare cut, on
    texts that the fit has not read too.
    """
    fitted, unseen = (
        prune(model, TEXTS, 1, 32),
        ["cynor adalin. comedy 12.", "eve. drama, bomor x 1."],
    )
    monkeypatch.setattr(sys.modules["encoder.compress.prune"], "mend", lambda *_: None)
    bare = prune(model, TEXTS, 1, 32)
    for texts in (TEXTS, unseen):
        exact = unit_vectors(model, texts)
        assert (unit_vectors(fitted, texts) * exact).sum() > (
            unit_vectors(bare, texts) * exact
        ).sum()


@pytest.mark.parametrize(("heads", "units"), [(0, 4), (4, 0)])
def test_nothing_left_is_refused(model, heads, units):
    with pytest.raises(ValueError, match="at least 1"):
        prune(model, TEXTS, heads, units)


def test_no_texts_are_refused(model):
    with pytest.raises(ValueError, match="0 texts"):
        prune(model, [], 2, 2)
