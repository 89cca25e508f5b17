"""RecentCounts: recent counts beside all counts, so that policies can tell when the world has
changed (`bandits.learning.change_detection`).

    memory <- memory * 2 ** (- clicks since / half-life) + what has come since

Half-lives are in clicks of the whole site (`bandits.learning.change_detection.RECENT_HALF_LIVES`).
A look fades from when it is settled: its click, if one comes, comes with it and not after it.
Clicks and looks reach a worker by different topics, so a memory that is shorter than the lag
between them would see changes that are none: the shortest does not halve faster than in
`SHORTEST_S`, however many clicks come.

Kept in memory, from the increments that come: a process that starts is told those of the last hour
(`streams.serving.last_hour`), and what is older is in the whole alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
IMPRESSIONS, CLICKS, CONVERSIONS, VALUE, EXAMINED = COLUMNS = range(5)
LOOKS = [IMPRESSIONS, EXAMINED]
SHORTEST_S = 60.0


class RecentCounts:
    """Sums (n_memories, columns, n_segments, n_items) of what is settled; shapes follow the
    view's.
    """

    def __init__(self, half_lives: Sequence[float], shape: tuple[int, int]) -> None:
        self._half_lives = np.array(half_lives)[:, None, None, None]
        self._sums: Floats = np.zeros((len(half_lives), len(COLUMNS), *shape))
        self._since = np.zeros((len(COLUMNS), *shape))  # came since the last `turn`
        self._pending = np.zeros((0, 0))  # as of the last `turn`
        self._turned_s = 0.0

    def reserve(self, shape: tuple[int, int]) -> None:
        """Make room for segments and items up to `shape`."""
        self._sums = _grown(self._sums, shape)
        self._since = _grown(self._since, shape)

    def add(
        self, segments: NDArray[np.int64], items: NDArray[np.int64], increments: Floats
    ) -> None:
        """Increments (n, columns) of cells (n,)."""
        for column in COLUMNS:
            np.add.at(self._since[column], (segments, items), increments[:, column])

    def join(self) -> None:
        """From now on all segments are one, number 0."""
        self._sums = self._sums.sum(axis=2, keepdims=True)
        self._since = self._since.sum(axis=1, keepdims=True)
        self._pending = self._pending.sum(axis=0, keepdims=True)

    def turn(self, pending: Floats, now_s: float) -> list[Floats]:
        """Fade, take in what has come and is settled now, and return the memories, shortest first:
        each (columns, n_segments, n_items).

        Examinations that are `pending` (n_segments, n_items) are in every one of them, unfaded.
        """
        rows, columns = pending.shape
        came = self._since[:, :rows, :columns]
        clicks = max(0.0, float(came[CLICKS].sum()))
        clicks = min(clicks, (now_s - self._turned_s) / SHORTEST_S * float(self._half_lives.min()))
        sums = self._sums[:, :, :rows, :columns]
        sums *= 2.0 ** (-clicks / self._half_lives)
        came[LOOKS] -= pending - _grown(self._pending, pending.shape)
        sums += came
        came[:] = 0.0
        self._pending, self._turned_s = pending, now_s
        out = []
        for memory in sums:
            seen = memory.copy()
            seen[LOOKS] += pending
            out.append(seen)
        return out


def _grown(array: Floats, shape: tuple[int, int]) -> Floats:
    """With zeros behind, its last two axes as long as `shape`."""
    behind = [(0, want - have) for want, have in zip(shape, array.shape[-2:], strict=True)]
    return np.pad(array, [(0, 0)] * (array.ndim - 2) + behind)
