"""Rounding in training: a student that is to be served with token vectors of 4 bits learns with
them.

    E = W + sg(s Q - W),  Q = clip(round(W / s), -8, 7)        s: one for 32 numbers of a row, so
                                                               that the largest becomes -8
                                                                sg: no gradient, so that W learns as
                                                                if E were W

The table is two thirds of what 4 bits cost. Bengio, Leonard & Courville (2013), Estimating or
Propagating Gradients Through Stochastic Neurons for Conditional Computation; Jacob et al. (2018),
as in `encoder.compress.quantize`.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from encoder.compress.quantized_rows import BLOCK, HIGHEST_4, LOWEST_4
from encoder.compress.student import Student

TOKEN_BITS = (0, 4)


class Rounded(nn.Module):
    """Token vectors (n, width) as 4 bits give them; `width` is a multiple of 32."""

    def forward(self, weight: Tensor) -> Tensor:
        """See the module's docstring."""
        blocks = weight.detach().reshape(len(weight), -1, BLOCK)
        scales = blocks.gather(2, blocks.abs().argmax(2, keepdim=True)) / LOWEST_4
        scales = torch.where(scales == 0, 1.0, scales)
        served = ((blocks / scales).round_().clamp_(LOWEST_4, HIGHEST_4) * scales).reshape(
            weight.shape
        )
        return weight + (served - weight.detach())


@contextmanager
def rounded(student: Student, token_bits: int) -> Iterator[None]:
    """Inside, the student reads its token vectors as `token_bits` give them; 0 leaves them alone.

    Raises
    ------
    ValueError
        Another number of bits, or vectors whose width is no multiple of 32.

    """
    if token_bits not in TOKEN_BITS or (token_bits and student.tokens.weight.shape[1] % BLOCK):
        width = student.tokens.weight.shape[1]
        msg = (
            f"expected token_bits among {TOKEN_BITS}, 4 with token vectors of a multiple of "
            f"{BLOCK}, found {token_bits} and width {width}"
        )
        raise ValueError(msg)
    if not token_bits:
        yield
        return
    parametrize.register_parametrization(student.tokens, "weight", Rounded())
    try:
        yield
    finally:
        parametrize.remove_parametrizations(student.tokens, "weight", leave_parametrized=False)
