"""View: the global counts in memory, from the committed counts changelog; the same in every worker.

Each partition holds its own counts of the events it saw; the global count of (segment, item) is the sum over partitions, so a record that
replaces a partition's row changes the sum by the difference. With a half-life, discounted counts are kept beside them at one common time.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, KafkaException
from numpy.typing import NDArray

from bandits.counts import Counts

from .config import Settings
from .names import changelog_topics
from .ripening import Ripening
from .rows import COUNTS_PREFIX, RowError, decode_count, decode_count_key
from .tail import Tail

Floats = NDArray[np.float64]
COLUMNS = 5  # impressions, clicks, conversions, value, examined
EXAMINED = 4
REBASE_HALF_LIVES = 16.0  # the common time moves on after this many: 2^16 is far from the ends of a float


class Index:
    """Names to consecutive numbers, in the order they came."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._number: dict[str, int] = {}

    def number(self, name: str) -> int:
        """The name's number, a new one if it has none."""
        found = self._number.get(name)
        if found is None:
            found = self._number[name] = len(self.names)
            self.names.append(name)
        return found

    def get(self, name: str) -> int | None:
        """The name's number, None if it has none."""
        return self._number.get(name)

    def __len__(self) -> int:
        return len(self.names)


class CountsView:
    """Counts as arrays (n_segments, n_items), columns by `items`, which others may extend."""

    def __init__(self, items: Index, half_life_s: float | None = None, ripening: Ripening | None = None) -> None:
        self.segments = Index()
        self.live = False  # whether what comes now is fresh: false while an old log is read
        self.items = items
        self.version = 0  # changes whenever a count does
        self.at_s = 0.0  # that the discounted counts are seen from
        self._half_life_s = half_life_s
        self._ripening = ripening
        self._columns = COLUMNS if half_life_s is None else 2 * COLUMNS  # totals, then discounted
        self._cells: dict[bytes, tuple[int, int]] = {}
        self._last: dict[tuple[int, bytes], Floats] = {}  # (partition, key) -> (columns,) as added to the sums
        self._sums: Floats = np.zeros((self._columns, 16, 256))

    def apply(self, records: Iterable[Any]) -> None:
        """Records of the counts changelog, in order (confluent-kafka messages)."""
        for record in records:
            key, value = record.key(), record.value()
            if key[:1] == COUNTS_PREFIX and value is not None:
                self.put(record.partition(), key, value, time.time())

    def put(self, partition: int, key: bytes, value: bytes, now_s: float = 0.0) -> None:
        """One row of one partition: replaces what that partition said before."""
        cell = self._cells.get(key)
        if cell is None:
            segment, item = decode_count_key(key)
            cell = self._cells[key] = self.segments.number(segment), self.items.number(item)
        self._reserve()
        row = decode_count(value)
        new = np.array(row.totals())
        if self._half_life_s is not None:
            self._rebase(row.reference_s)
            new = np.concatenate([new, np.array(row.fresh()) * 2.0 ** ((row.reference_s - self.at_s) / self._half_life_s)])
        old = self._last.get((partition, key))
        self._sums[:, cell[0], cell[1]] += new if old is None else new - old
        self._last[partition, key] = new
        self.version += 1
        if self.live and self._ripening is not None:
            looks = float(new[EXAMINED] - (0.0 if old is None else old[EXAMINED]))
            if looks > 0:
                self._ripening.looked(cell, looks, now_s)

    def clicked(self, delays: Sequence[tuple[float, float]]) -> None:
        """Clicks that were counted here: (seconds after the impression, time of the impression)."""
        if self._ripening is not None:
            self._ripening.clicked(delays)

    def counts(self, now_s: float) -> Counts:
        """The global counts, (n_segments, n_items), fresh looks as `unripe`; with a half-life `recent` holds them discounted to `now_s`."""
        self._reserve()
        sums = np.maximum(self._sums[:, : len(self.segments), : len(self.items)], 0.0)  # differences of floats may leave -1e-17
        sums[3] = self._sums[3, : len(self.segments), : len(self.items)]  # values may be negative
        unripe = np.zeros_like(sums[0]) if self._ripening is None else self._ripening.unripe(sums[0].shape, now_s)
        if self._half_life_s is None:
            return _counts(sums, unripe)
        fresh = self._sums[COLUMNS:, : len(self.segments), : len(self.items)] * 2.0 ** ((self.at_s - now_s) / self._half_life_s)
        fresh[[0, 1, 2, 4]] = np.maximum(fresh[[0, 1, 2, 4]], 0.0)
        return _counts(sums[:COLUMNS], unripe)._replace(recent=(_counts(fresh, unripe),))

    def _reserve(self) -> None:
        _, rows, columns = self._sums.shape
        need_rows, need_columns = len(self.segments), len(self.items)
        if need_rows <= rows and need_columns <= columns:
            return
        shape = self._columns, 2 * need_rows if need_rows > rows else rows, 2 * need_columns if need_columns > columns else columns
        grown = np.zeros(shape)
        grown[:, :rows, :columns] = self._sums
        self._sums = grown

    def _rebase(self, reference_s: float) -> None:
        half_life_s = self._half_life_s
        if half_life_s is None or reference_s - self.at_s <= REBASE_HALF_LIVES * half_life_s:
            return
        keep = 2.0 ** ((self.at_s - reference_s) / half_life_s)
        self._sums[COLUMNS:] *= keep
        for last in self._last.values():
            last[COLUMNS:] *= keep
        self.at_s = reference_s


def _counts(sums: Floats, unripe: Floats) -> Counts:
    return Counts(sums[0], sums[1], sums[2], sums[3], sums[4], np.minimum(unripe, sums[EXAMINED]))


def read_counts(settings: Settings, segment: str | None = None) -> Iterator[dict[str, Any]]:
    """The global counts as `stats export` prints them: committed changelog rows summed over partitions, sorted by segment and item.

    Nothing where there is no changelog yet.
    """
    tail = Tail(settings.kafka_client(), [changelog_topics(settings)[0]])
    try:
        tail.open()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            return
        raise
    rows: dict[tuple[int, bytes], Floats] = {}
    try:
        while not tail.at_end():
            for record in tail.read():
                if record.key()[:1] == COUNTS_PREFIX and record.value() is not None:
                    rows[record.partition(), record.key()] = np.array(decode_count(record.value()).totals())
    finally:
        tail.close()
    sums: dict[tuple[str, str], Floats] = {}
    for (_partition, key), totals in rows.items():
        name = decode_count_key(key)
        sums[name] = sums[name] + totals if name in sums else totals
    for (segment_name, item_id), (impressions, clicks, conversions, value, _examined) in sorted(sums.items()):
        if segment is None or segment == segment_name:
            yield {
                "segment": segment_name,
                "item_id": item_id,
                "impressions": int(impressions),
                "clicks": int(clicks),
                "conversions": int(conversions),
                "value": float(value),
            }


__all__ = ["CountsView", "Index", "RowError", "read_counts"]
