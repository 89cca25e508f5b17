"""Losses on batches small enough to sum by hand."""

from __future__ import annotations

import math

import pytest
import torch

from encoder.compress.losses import (
    BEHAVIOUR_TEMPERATURE,
    LOSSES,
    RELATION_TEMPERATURE,
    Batch,
    Pairs,
    total,
)

E1, E2, E3 = torch.eye(3)


def batch(vectors, targets=None, **more):
    vectors = torch.stack(vectors)
    return Batch(vectors, vectors if targets is None else torch.stack(targets), **more)


def some(seed=0, n=6, dim=4):
    """Random unit rows with everything that a batch can have."""
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.nn.functional.normalize(
        torch.randn(n, dim, generator=generator), dim=1
    ).requires_grad_()
    targets = torch.nn.functional.normalize(torch.randn(n, dim, generator=generator), dim=1)
    states, taught = torch.randn(9, 3, generator=generator), torch.randn(9, 3, generator=generator)
    pairs = Pairs(
        torch.tensor([0, 1, 2]),
        torch.tensor([3, 4, 5]),
        torch.log(torch.tensor([0.2, 0.1, 0.05])),
        torch.tensor([7, 8, 9]),
    )
    bank = torch.cat(
        [targets, torch.nn.functional.normalize(torch.randn(5, dim, generator=generator), dim=1)]
    )
    return Batch(
        vectors,
        targets,
        states,
        taught,
        1.0,
        pairs,
        pairs,
        bank,
        torch.tensor([0, 1, 2, 3, -1, -1]),
    )


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_a_finite_number_with_a_gradient_and_leaves_its_input(name):
    seen = some()
    before = seen.vectors.detach().clone()
    loss = LOSSES[name](seen)
    assert loss.shape == ()
    assert torch.isfinite(loss)
    assert torch.equal(before, seen.vectors.detach())
    if name != "tokens":
        loss.backward()
        assert seen.vectors.grad.abs().sum() > 0


def test_distill_is_two_minus_two_cosines():
    """Same direction 0, right angle 2, opposite 4: the mean is 2."""
    assert float(LOSSES["distill"](batch([E1, E1, E1], [E1, E2, -E1]))) == pytest.approx(2.0)


def test_relations_are_zero_for_a_rotated_student():
    seen = some()
    turned = (
        seen.targets
        @ torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1)))[0]
    )
    assert LOSSES["relations"](seen._replace(vectors=turned)).item() == pytest.approx(0.0, abs=1e-5)
    assert LOSSES["relations"](seen).item() > 0.1


def test_neighbours_are_those_of_the_teacher_among_all_texts():
    """Of two others the teacher says the first (cosine 1), the student the second: both are all but
    sure, and 1 / tau nats apart.
    """
    bank = torch.stack([E1, E2, E3])
    seen = batch([E2], [E1], bank=bank, own=torch.tensor([2]))
    assert LOSSES["neighbours"](seen).item() == pytest.approx(1 / RELATION_TEMPERATURE, rel=1e-3)
    assert LOSSES["neighbours"](seen._replace(vectors=seen.targets)).item() == pytest.approx(
        0.0, abs=1e-5
    )


def test_a_text_is_not_its_own_neighbour():
    """Without itself only one other is left, which has all the share, whatever the student says;
    with it the two are alike to this one.
    """
    bank = torch.stack([E1, E2])
    assert LOSSES["neighbours"](
        batch([E3], [E1], bank=bank, own=torch.tensor([0]))
    ).item() == pytest.approx(0.0, abs=1e-6)
    assert LOSSES["neighbours"](
        batch([E3], [E1], bank=bank, own=torch.tensor([-1]))
    ).item() == pytest.approx(math.log(2), rel=1e-3)
    assert LOSSES["neighbours"](batch([E3], [E1])).item() == 0.0


def test_tokens_are_in_units_of_the_variance():
    """One of two numbers is 3 off: mean square 4.5, over a variance of 9 is 0.5."""
    seen = batch(
        [E1],
        states=torch.tensor([[3.0, 1.0]]),
        state_targets=torch.tensor([[0.0, 1.0]]),
        state_variance=9.0,
    )
    assert float(LOSSES["tokens"](seen)) == pytest.approx(0.5)


def test_click_corrects_for_popularity():
    """Two pairs, all cosines 0, shares 0.8 and 0.2: logits -log q are log 1.25 and log 5 in each
    row.

    Row 1 has 1.25 / 6.25 = 0.2 and row 2 has 5 / 6.25 = 0.8: the mean of -log is -(log 0.2 + log
    0.8) / 2.
    """
    vectors = [torch.eye(4)[i] for i in range(4)]
    pairs = Pairs(
        torch.tensor([0, 1]),
        torch.tensor([2, 3]),
        torch.log(torch.tensor([0.8, 0.2])),
        torch.tensor([0, 1]),
    )
    assert float(LOSSES["click"](batch(vectors, clicks=pairs))) == pytest.approx(
        -(math.log(0.2) + math.log(0.8)) / 2, rel=1e-5
    )


def test_the_same_item_twice_is_no_negative():
    pairs = Pairs(torch.tensor([0, 1]), torch.tensor([2, 2]), torch.zeros(2), torch.tensor([5, 5]))
    assert float(LOSSES["click"](batch([E1, E2, E3], clicks=pairs))) == pytest.approx(0.0, abs=1e-6)


def test_click_is_lower_for_a_student_that_agrees_with_behaviour():
    pairs = Pairs(torch.tensor([0, 1]), torch.tensor([2, 3]), torch.zeros(2), torch.tensor([0, 1]))
    right, wrong = batch([E1, E2, E1, E2], clicks=pairs), batch([E1, E2, E2, E1], clicks=pairs)
    assert float(LOSSES["click"](right)) == pytest.approx(
        math.log1p(math.exp(-1 / BEHAVIOUR_TEMPERATURE)), abs=1e-5
    )
    assert float(LOSSES["click"](wrong)) > 10


def test_one_pair_teaches_nothing():
    pairs = Pairs(torch.tensor([0]), torch.tensor([1]), torch.zeros(1), torch.tensor([0]))
    assert float(LOSSES["conversion"](batch([E1, E2], conversions=pairs))) == 0.0


def test_uniformity_of_one_point_is_zero_and_of_opposites_minus_eight():
    assert float(LOSSES["uniformity"](batch([E1, E1, E1]))) == pytest.approx(0.0, abs=1e-6)
    assert float(LOSSES["uniformity"](batch([E1, -E1]))) == pytest.approx(-8.0)


def test_total_is_the_weighted_sum():
    seen = some()
    summed, parts = total(seen, {"distill": 2.0, "uniformity": 0.5, "click": 0.0})
    assert parts.keys() == {"distill", "uniformity"}
    assert summed.item() == pytest.approx(
        2 * parts["distill"] + 0.5 * parts["uniformity"], rel=1e-6
    )


def test_unknown_loss_is_refused():
    with pytest.raises(ValueError, match="found clicks"):
        total(some(), {"clicks": 1.0})
