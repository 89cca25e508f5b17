"""OwnVectors: the vectors that items bring themselves, as one matrix; alone without a release, side
by side with the release's with one (`embeddings`).

A vector is brought to at most 256 numbers when its record is read (`bandits.learning.projection`),
one at a time, in the thread that reads. Vectors of different lengths cannot be compared: those of
the length that most items have are used, the others are as good as absent, which is said.

    _matrix   rows of the length in use, by the columns of the counts
    _aside    rows of other lengths, by column
"""

import logging
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from bandits.learning.projection import MOST, bring_down

log = logging.getLogger(__name__)

Vector = NDArray[np.float32]


class OwnVectors:
    """Rows by column; one thread writes, and hands out copies."""

    def __init__(self) -> None:
        self.version = 0
        self._lengths: dict[int, int] = {}  # column -> length of its vector as it came
        self._items_of: Counter[int] = Counter()  # length -> items
        self._in_use = 0  # length; 0: none
        self._matrix: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        self._aside: dict[int, Vector] = {}
        self._said: tuple[int, int] | None = None

    def put(self, number: int, vector: list[float] | None) -> None:
        """An item's vector; None or zeros: it has none."""
        vector = vector or []
        row = bring_down(vector)
        if not row.any():
            self._remove(number)
            return
        length = len(vector)
        if self._lengths.get(number) != length:
            self._remove(number)
            self._lengths[number] = length
            self._items_of[length] += 1
        if length == self._in_use:
            self._reserve(number + 1)
            self._matrix[number] = row
        else:
            self._aside[number] = row
        self.version += 1

    def matrix(self, n_items: int) -> NDArray[np.float32] | None:
        """(n_items, d) unit rows, zeros where there is none, a copy; None without any."""
        if not self._items_of:
            return None
        # the longer one of two that as many have: every process finds the same
        length = max(self._items_of, key=lambda each: (self._items_of[each], each))
        if length != self._in_use:
            self._use(length)
        self._say()
        self._reserve(n_items)
        return self._matrix[:n_items].copy()

    def _use(self, length: int) -> None:
        rows = self._matrix
        for number in np.flatnonzero(rows.any(axis=1)).tolist():
            self._aside[number] = rows[number].copy()
        self._in_use = length
        self._matrix = np.zeros((len(rows), min(length, MOST)), dtype=np.float32)
        for number in [each for each in self._aside if self._lengths[each] == length]:
            self._reserve(number + 1)
            self._matrix[number] = self._aside.pop(number)

    def _remove(self, number: int) -> None:
        length = self._lengths.pop(number, None)
        if length is None:
            return
        self.version += 1
        self._items_of[length] -= 1
        if not self._items_of[length]:
            del self._items_of[length]
        self._aside.pop(number, None)
        if length == self._in_use:
            self._matrix[number] = 0.0

    def _reserve(self, n: int) -> None:
        more = n - len(self._matrix)
        if more > 0:
            self._matrix = np.pad(self._matrix, ((0, max(more, len(self._matrix), 256)), (0, 0)))

    def _say(self) -> None:
        others = len(self._items_of) - 1
        if others and (self._in_use, others) != self._said:
            self._said = self._in_use, others
            log.warning(
                "items bring vectors of %d lengths, which cannot be compared: those of %d numbers "
                "are used (%d items), %d items are as good as without; send vectors of one length",
                others + 1,
                self._in_use,
                self._items_of[self._in_use],
                self._items_of.total() - self._items_of[self._in_use],
            )
