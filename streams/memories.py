"""Memories: recent counts beside all counts, so that policies can tell when the world has changed (`bandits.forgetting`).

    memory = sum over increments of 2 ** (- clicks since / half-life)    half-lives in clicks of the whole site (`bandits.learner.MEMORIES`)

Kept in memory, from the increments that reach this worker's view: a worker that starts has empty ones, which say nothing, and forgets as
soon as it has seen a change itself. The sums are stored divided by a scale that shrinks with every click, so that fading costs nothing.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
SMALLEST_SCALE = 1e-6  # far from the ends of a float; below it the sums are multiplied out
MAX_CELLS = 2_000_000  # (segment, item) pairs; beyond, memories would take more than the counts are worth and are left out


class Memories:
    """Sums (n_memories, n_columns, n_segments, n_items); shapes follow the view's."""

    def __init__(self, half_lives: Sequence[float], n_columns: int, shape: tuple[int, int]) -> None:
        self._half_lives = np.array(half_lives)
        self._scale = np.ones(len(half_lives))
        self._sums: Floats | None = np.zeros((len(half_lives), n_columns, *shape))

    def reserve(self, shape: tuple[int, int]) -> None:
        """Make room for segments and items up to `shape`."""
        if self._sums is None:
            return
        if shape[0] * shape[1] > MAX_CELLS:
            self._sums = None
            return
        grown = np.zeros((*self._sums.shape[:2], *shape))
        grown[:, :, : self._sums.shape[2], : self._sums.shape[3]] = self._sums
        self._sums = grown

    def add(self, segments: NDArray[np.int64], items: NDArray[np.int64], increments: Floats, clicks: float) -> None:
        """Increments (n, n_columns) of cells (n,) that came with so many clicks of the whole site."""
        if self._sums is None:
            return
        self._scale *= 2.0 ** (-clicks / self._half_lives)
        small = self._scale < SMALLEST_SCALE
        if small.any():
            self._sums[small] *= self._scale[small, None, None, None]
            self._scale[small] = 1.0
        for sums, scale in zip(self._sums, self._scale, strict=True):  # (n_columns, n_segments, n_items)
            for column in range(increments.shape[1]):
                np.add.at(sums[column], (segments, items), increments[:, column] / scale)

    def sums(self, shape: tuple[int, int]) -> list[Floats]:
        """(n_columns, n_segments, n_items) for each memory, shortest first; none while there is too much to remember."""
        if self._sums is None:
            return []
        return [sums[:, : shape[0], : shape[1]] * scale for sums, scale in zip(self._sums, self._scale, strict=True)]
