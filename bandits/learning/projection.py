"""Vectors of any length brought to at most `MOST` numbers, by a seeded random projection.

    y = rfft(s * x)[f],  s in {-1, 1}^L,  f: MOST / 2 frequencies without replacement

Each frequency gives two numbers, its real and its imaginary part; y is scaled to length 1. Signs
and frequencies follow from L alone, so every process makes the same y, and one vector can be
brought down without the others. Cosines are kept up to an error of about 1 / sqrt(MOST), more
exactly the larger they are (docs/measurements/vectors.md). What fits is left as it is.

Wrong tool where vectors are long because each number says something of its own (words counted
one by one): bring those to a few numbers before they are sent.

Ailon & Chazelle (2009), The Fast Johnson-Lindenstrauss Transform and Approximate Nearest
Neighbors; Tropp (2011), Improved Analysis of the Subsampled Randomized Hadamard Transform (the
same with Hadamard's transform for Fourier's).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

# 128 lose a tenth of what vectors say of rates, 512 make learning six times as slow
MOST = 256
SEED = 20_26

Vectors = NDArray[np.float32]


def bring_down(vectors: ArrayLike, most: int = MOST) -> Vectors:
    """Unit vectors of at most `most` numbers.

    Parameters
    ----------
    vectors
        (n, L), or (L,) of one.
    most
        Even; larger keeps cosines better and costs more.

    Returns
    -------
    (n, min(L, most)), or (min(L, most),), of length 1; zeros where a vector is all zeros, or holds
    what is not finite.

    """
    x = np.array(vectors, dtype=np.float64)  # (..., L) a copy
    with np.errstate(over="ignore", invalid="ignore"):
        largest = np.abs(x).max(axis=-1, keepdims=True, initial=0.0)  # (..., 1)
        good = np.isfinite(largest) & (largest > 0)
    x = np.where(good, x, 0.0) / np.where(good, largest, 1.0)  # squares neither over- nor underflow
    if x.shape[-1] > most:
        signs, frequencies = _chosen(x.shape[-1], most)
        seen = np.fft.rfft(x * signs, axis=-1)[..., frequencies]  # (..., most / 2) complex
        x = np.ascontiguousarray(seen).view(np.float64)  # (..., most)
    size = np.linalg.norm(x, axis=-1, keepdims=True)
    return np.asarray(x / np.where(size > 0, size, 1.0), dtype=np.float32)


@lru_cache(maxsize=8)
def _chosen(length: int, most: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    rng = np.random.default_rng([SEED, length])
    signs = rng.choice(np.array([-1.0, 1.0]), length)  # (L,)
    # neither 0 nor the last of an even length: their imaginary part is 0
    frequencies = 1 + rng.choice((length - 1) // 2, most // 2, replace=False)  # (most / 2,)
    return signs, np.sort(frequencies)
