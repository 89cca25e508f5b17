"""Token vectors as 4 bits give them, for training: what is served is what was learned with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encoder.compress.quantized_rows import BLOCK, by_block
from encoder.compress.student import LayerShape, Student, StudentShape
from encoder.training.quantisation_aware import Rounded, rounded

WIDTH = 2 * BLOCK


def student(width: int = WIDTH) -> Student:
    return Student(StudentShape(50, width, 16, 16, (LayerShape(2, 8, 16),)))


def stored(table: np.ndarray) -> np.ndarray:
    packed, scales = by_block(table)
    numbers = np.stack([packed & 15, packed >> 4], 2).reshape(table.shape).astype(np.float32) - 8
    return numbers * np.repeat(scales.astype(np.float32), BLOCK, 1)


def test_vectors_have_sixteen_values_in_a_block_and_the_largest_stays() -> None:
    table = torch.randn(7, WIDTH)
    table[3] = 0.0
    blocks, served = table.reshape(-1, BLOCK), Rounded()(table).reshape(-1, BLOCK)
    assert all(len(torch.unique(block)) <= 16 for block in served)
    torch.testing.assert_close(served.abs().max(1).values, blocks.abs().max(1).values)
    steps = blocks.abs().max(1, keepdim=True).values / 8
    # of a number as large as the largest, with the other sign; of most half of it
    assert ((served - blocks).abs() <= steps * 1.001).all()


def test_what_was_rounded_is_stored_as_it_is() -> None:
    table = Rounded()(torch.randn(40, WIDTH)).numpy()
    np.testing.assert_allclose(stored(table), table, atol=2e-3)  # scales are float16


def test_gradients_pass_as_if_nothing_was_rounded() -> None:
    table = torch.randn(3, WIDTH, requires_grad=True)
    weights = torch.randn(3, WIDTH)
    (Rounded()(table) * weights).sum().backward()
    torch.testing.assert_close(table.grad, weights)


def test_a_student_reads_rounded_vectors_inside_and_its_own_afterwards() -> None:
    made = student().eval()
    own = made.tokens.weight.detach().clone()
    ids, mask = torch.arange(6)[None], torch.ones(1, 6, dtype=torch.long)
    before = made(ids, mask).vectors
    with rounded(made, 4):
        assert not torch.equal(made.tokens.weight, own)
        inside = made(ids, mask).vectors
        with torch.no_grad():
            made.tokens.parametrizations.weight.original += 1.0  # what an optimiser does
    assert not torch.equal(inside, before)
    torch.testing.assert_close(made.tokens.weight, own + 1.0)
    assert list(made.state_dict()) == list(student().state_dict())


def test_zero_bits_leave_a_student_alone() -> None:
    made = student()
    with rounded(made, 0):
        assert list(made.state_dict()) == list(student().state_dict())


@pytest.mark.parametrize(("width", "bits"), [(WIDTH, 8), (48, 4)])
def test_other_bits_and_widths_are_refused(width: int, bits: int) -> None:
    with (
        pytest.raises(ValueError, match="expected token_bits among"),
        rounded(student(width), bits),
    ):
        pass
