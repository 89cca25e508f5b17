"""Vectors of one version while they come in, and the snapshot that readers hold.

Rows are only ever appended or replaced in place, so that a snapshot is a slice of the same memory
and costs nothing: a reader with an older one sees later vectors of items it knows, and never half a
row of another item.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from encoder.serving.gate import UNIT_TOLERANCE
from encoder.serving.wire import WireError, decode_vector

FloatArray = NDArray[np.float32]
FIRST_ROWS = 1024


@dataclass(frozen=True)
class EmbeddingSet:
    """The embeddings in force.

    Attributes
    ----------
    version
        The release.
    dim
        Length of the vectors.
    rows
        Row of each item. It grows with the set that made it: a row at or beyond `len(matrix)` is
        not in this snapshot.
    matrix
        (n, dim) float32, unit rows; may hold rows of items that were withdrawn, which `rows` does
        not name.
    revision
        Changes whenever an item is added, changed or withdrawn.

    """

    version: str
    dim: int
    rows: Mapping[str, int]
    matrix: FloatArray
    revision: int

    def take(self, item_ids: Sequence[str]) -> tuple[FloatArray, NDArray[np.bool_]]:
        """Vectors of items: (len(item_ids), dim) float32 with zeros for the unknown, and
        (len(item_ids),) which are known.
        """
        # (k,)
        index = np.fromiter((self.rows.get(item, -1) for item in item_ids), np.int64, len(item_ids))
        known = (index >= 0) & (index < len(self.matrix))
        taken = np.zeros((len(item_ids), self.dim), np.float32)
        taken[known] = self.matrix[index[known]]
        return taken, known


class Collected:
    """Vectors of one version by item; the first sound vector sets the dimension."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}
        self._buffer: FloatArray = np.empty((0, 0), np.float32)
        self._used = 0  # rows of the buffer that were ever given out
        self._faults: dict[str, str] = {}  # by item; a sound vector of the item mends it
        self._revision = 0
        self._snapshot: EmbeddingSet | None = None

    @property
    def dim(self) -> int:
        """Length of the vectors, 0 before the first."""
        return self._buffer.shape[1]

    def add(self, item_id: str, encoded: str) -> str | None:
        """Take one vector as it is on the wire; gives back what is wrong with it, if anything."""
        try:
            vector = decode_vector(encoded, self.dim or None)  # (dim,)
            if abs(float(np.linalg.norm(vector)) - 1) > UNIT_TOLERANCE:
                msg = f"vector: expected length 1, found {float(np.linalg.norm(vector)):.4g}"
                raise WireError(msg)
        except WireError as error:
            self._faults[item_id] = f"item {item_id}: {error}"
            return self._faults[item_id]
        self._faults.pop(item_id, None)
        self._put(item_id, vector)
        return None

    def fill(self, item_ids: Sequence[str], matrix: FloatArray) -> None:
        """Put in the vectors (n, dim) of items that are not there yet. They come from a folder
        whose hash was checked.
        """
        if self.dim and matrix.shape[1] != self.dim:
            self._faults[""] = (
                f"stored vectors: expected dimension {self.dim}, found {matrix.shape[1]}"
            )
            return
        for item_id, vector in zip(item_ids, matrix, strict=True):
            if item_id not in self.rows:
                self._put(item_id, vector)

    def remove(self, item_id: str) -> None:
        """Forget an item; its row stays unused."""
        self._faults.pop(item_id, None)
        if self.rows.pop(item_id, None) is not None:
            self._changed()

    def faults(self, dim: int) -> list[str]:
        """What stands against these vectors under a release of this dimension."""
        wrong = (
            [f"vectors: expected dimension {dim}, found {self.dim}"]
            if self.rows and self.dim != dim
            else []
        )
        return wrong + list(self._faults.values())

    def snapshot(self, version: str) -> EmbeddingSet:
        """The set as it is now; the same object until something changes."""
        if self._snapshot is None:
            self._snapshot = EmbeddingSet(
                version, self.dim, self.rows, self._buffer[: self._used], self._revision
            )
        return self._snapshot

    def _put(self, item_id: str, vector: FloatArray) -> None:
        row = self.rows.get(item_id)
        if row is None:
            row = self._used
            if row >= len(self._buffer):
                larger = np.zeros((max(FIRST_ROWS, 2 * len(self._buffer)), len(vector)), np.float32)
                larger[: self._used] = self._buffer[: self._used].reshape(self._used, len(vector))
                self._buffer = larger
            self._used += 1
        self._buffer[row] = vector
        self.rows[item_id] = row
        self._changed()

    def _changed(self) -> None:
        self._revision += 1
        self._snapshot = None
