"""View: where slates of this project showed what, from the place rows of the counts changelog.

A partition's row holds its totals, so the last one of each is kept: reading a log again, or twice,
changes nothing. At most `MOST_ROWS` are, first come; of the rest every look counts as one.
"""

from collections.abc import Sequence

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from bandits.learning.places import BANDS, PlaceCounts
from streams.contract.place_rows import PLACES_PREFIX, decode_place_key, decode_places
from streams.serving.counts_view import Index

MOST_ROWS = 300_000  # 80 MB


class PlacesView:
    """The last place row of each (partition, segment, item)."""

    def __init__(self, segments: Index, items: Index) -> None:
        self._segments, self._items = segments, items
        self._slots: dict[tuple[int, bytes], int] = {}
        self._cells: NDArray[np.int64] = np.zeros((256, 2), dtype=np.int64)
        self._rows = np.zeros((256, 2 * len(BANDS)), dtype=np.float64)

    def apply(self, records: Sequence[Message], now_s: float) -> None:
        """Records of the counts changelog that came now, in order (confluent-kafka messages)."""
        del now_s
        for record in records:
            key, value = record.key(), record.value()
            if key is None or key[:1] != PLACES_PREFIX:
                continue
            slot = self._slot(record.partition() or 0, key)
            if slot is not None:
                self._rows[slot] = 0.0 if value is None else decode_places(value)

    def placed(self) -> PlaceCounts:
        """All rows, copies: cells of several partitions stand there several times."""
        n = len(self._slots)
        segments, items = self._cells[:n].T.copy()
        rows = self._rows[:n].copy()
        return PlaceCounts(segments, items, rows[:, ::2], rows[:, 1::2])

    def _slot(self, partition: int, key: bytes) -> int | None:
        slot = self._slots.get((partition, key))
        if slot is None:
            slot = len(self._slots)
            if slot >= MOST_ROWS:
                return None
            segment, item_id = decode_place_key(key)
            if slot == len(self._rows):
                self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
                self._cells = np.concatenate([self._cells, np.zeros_like(self._cells)])
            self._slots[partition, key] = slot
            self._cells[slot] = self._segments.number(segment), self._items.number(item_id)
        return slot
