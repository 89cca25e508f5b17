"""Rows of numbers in 8 and 4 bits, with the scales that have the least squared error."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float32]
LOWEST_4, HIGHEST_4 = -8, 7
HIGHEST = 127


BLOCK = 32  # numbers of a 4-bit row that share a scale; 16 is the least that ONNX Runtime takes


# of the scale that gives a block's largest number the lowest value
SHRINKS = np.linspace(0.8, 1.15, 15, dtype=np.float32)


def by_row(table: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """8-bit rows and their scales: (n, width) -> (n, width) int8, (n, 1) float32."""
    scale = np.abs(table).max(1, keepdims=True) / HIGHEST
    scale[scale == 0] = 1.0
    return np.clip(np.round(table / scale), -HIGHEST, HIGHEST).astype(np.int8), scale.astype(
        np.float32
    )


def by_block(table: FloatArray) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """4-bit numbers, two in a byte, the first one low, and a scale for every 32: (n, width) -> (n,
    width / 2), (n, ceil(width / 32)).

    The scale is that of some with the least squared error; a negative one gives the lowest value to
    a block's largest number if that is positive.

    Raises
    ------
    ValueError
        an odd width.

    """
    width = table.shape[1]
    if width % 2:
        msg = f"expected token vectors of an even width, found {width}; take 8 bits"
        raise ValueError(msg)
    blocks = np.pad(table, ((0, 0), (0, -width % BLOCK))).reshape(len(table), -1, BLOCK)
    # (n, blocks)
    largest = np.take_along_axis(blocks, np.abs(blocks).argmax(2)[..., None], 2)[..., 0]
    scales: Any = np.ones(largest.shape, np.float16)
    least = np.full(largest.shape, np.inf, np.float32)
    for shrink in SHRINKS:
        tried = (largest / LOWEST_4 * shrink).astype(np.float16)
        tried[tried == 0] = 1.0
        error = np.square(blocks - _whole(blocks, tried) * tried[..., None].astype(np.float32)).sum(
            2
        )
        better = error < least
        scales[better] = tried[better]
        least = np.minimum(error, least)
    numbers: Any = (
        (_whole(blocks, scales) - LOWEST_4).astype(np.uint8).reshape(len(table), -1)[:, :width]
    )
    return numbers[:, ::2] | (numbers[:, 1::2] << 4), scales


def _whole(blocks: FloatArray, scales: NDArray[np.float16]) -> FloatArray:
    """4-bit numbers of blocks, (n, blocks, BLOCK), by their scales (n, blocks)."""
    return np.clip(np.round(blocks / scales[..., None].astype(np.float32)), LOWEST_4, HIGHEST_4)
