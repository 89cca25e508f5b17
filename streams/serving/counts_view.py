"""View: the global counts in memory, from the committed counts changelog.

Each partition holds its own counts of the events it saw; the global count of (segment, item) is the
sum over partitions, so a record that replaces a partition's row changes the sum by the difference.
With a half-life, discounted counts are kept beside them at one common time.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from bandits.counts import Counts
from bandits.learning.evidence import Evidence
from bandits.learning.recent_counts import COLUMNS
from streams.config import Settings
from streams.contract.count_rows import (
    COUNTS_PREFIX,
    DELAYS_KEY,
    RowError,
    decode_count,
    decode_count_key,
    decode_counts,
    decode_delays,
)
from streams.kafka.admin import TopicsError
from streams.kafka.names import changelog_topics
from streams.kafka.topic_reader import TopicReader

Floats = NDArray[np.float64]
# the common time moves on after this many: 2^16 is far from the ends of a float
REBASE_HALF_LIVES = 16.0


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

    def __init__(
        self,
        items: Index,
        half_life_s: float | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        self.segments = Index()
        self.live = False  # whether what comes now is fresh: false while an old log is read
        self.items = items
        self.version = 0  # changes whenever a count does
        self.changed_at: dict[int, int] = {}  # segment -> version of its last change
        self.at_s = 0.0  # that the discounted counts are seen from
        self._half_life_s = half_life_s
        self._evidence = Evidence(half_lives=()) if evidence is None else evidence
        # totals, then discounted
        self._columns = len(COLUMNS) if half_life_s is None else 2 * len(COLUMNS)
        self._slots: dict[tuple[int, bytes], int] = {}  # (partition, key) -> row of the next two
        self._cells: NDArray[np.int64] = np.zeros((256, 2), dtype=np.int64)  # (segment, item)
        self._last: Floats = np.zeros((256, self._columns))  # as added to the sums
        self._sums: Floats = np.zeros((self._columns, 16, 256))
        self._evidence.reserve((16, 256))

    def apply(self, records: Sequence[Message], now_s: float) -> None:
        """Records of the counts changelog that came now, in order (confluent-kafka messages)."""
        columns = (
            map(Message.partition, records),
            map(Message.key, records),
            map(Message.value, records),
        )
        rows = {
            (partition, key): value
            for partition, key, value in zip(*columns, strict=True)
            if value is not None
            and key is not None
            and partition is not None
            and key.startswith(COUNTS_PREFIX)
        }
        if rows:
            self._add(rows, now_s)
        for value in map(Message.value, filter(_holds_delays, records)):
            self._evidence.clicked(decode_delays(value or b""))

    def put(self, partition: int, key: bytes, value: bytes, now_s: float = 0.0) -> None:
        """One row of one partition: replaces what that partition said before."""
        self._add({(partition, key): value}, now_s)

    def _add(self, rows: dict[tuple[int, bytes], bytes], now_s: float) -> None:
        slots = np.fromiter((self._slot(place) for place in rows), dtype=np.int64, count=len(rows))
        new = self._decode(list(rows.values()))  # (n, columns)
        increments = new - self._last[slots]
        self._last[slots] = new
        self._reserve()
        segments, items = self._cells[slots].T
        for column in range(self._columns):
            np.add.at(self._sums[column], (segments, items), increments[:, column])
        self.version += 1
        for segment in np.unique(segments).tolist():
            self.changed_at[segment] = self.version
        if self.live:
            self._evidence.add(segments, items, increments[:, : len(COLUMNS)], now_s)

    def _slot(self, place: tuple[int, bytes]) -> int:
        slot = self._slots.get(place)
        if slot is None:
            segment, item = decode_count_key(place[1])
            slot = self._slots[place] = len(self._slots)
            if slot == len(self._last):
                self._last = np.concatenate([self._last, np.zeros_like(self._last)])
                self._cells = np.concatenate([self._cells, np.zeros_like(self._cells)])
            self._cells[slot] = self.segments.number(segment), self.items.number(item)
        return slot

    def _decode(self, values: Sequence[bytes]) -> Floats:
        totals, fresh, references_s = decode_counts(values)
        half_life_s = self._half_life_s
        if half_life_s is None:
            return totals
        self._rebase(float(references_s.max()))
        shares = 2.0 ** ((references_s - self.at_s) / half_life_s)
        return np.concatenate([totals, fresh * shares[:, None]], axis=1)

    def counts(self, now_s: float) -> Counts:
        """The global counts, (n_segments, n_items), fresh looks as `unripe`; with a half-life
        `recent` holds them discounted to `now_s`.
        """
        self._reserve()
        shape = len(self.segments), len(self.items)
        sums = self._sums[:, : shape[0], : shape[1]]
        discounted = None
        if self._half_life_s is not None:
            discounted = sums[len(COLUMNS) :] * 2.0 ** ((self.at_s - now_s) / self._half_life_s)
        return self._evidence.counts(sums[: len(COLUMNS)], now_s, discounted)

    def _reserve(self) -> None:
        _, rows, columns = self._sums.shape
        need_rows, need_columns = len(self.segments), len(self.items)
        if need_rows <= rows and need_columns <= columns:
            return
        shape = (
            self._columns,
            2 * need_rows if need_rows > rows else rows,
            2 * need_columns if need_columns > columns else columns,
        )
        grown = np.zeros(shape)
        grown[:, :rows, :columns] = self._sums
        self._sums = grown
        self._evidence.reserve(shape[1:])

    def _rebase(self, reference_s: float) -> None:
        half_life_s = self._half_life_s
        if half_life_s is None or reference_s - self.at_s <= REBASE_HALF_LIVES * half_life_s:
            return
        keep = 2.0 ** ((self.at_s - reference_s) / half_life_s)
        self._sums[len(COLUMNS) :] *= keep
        self._last[:, len(COLUMNS) :] *= keep
        self.at_s = reference_s


def _holds_delays(record: Message) -> bool:
    return record.key() == DELAYS_KEY and record.value() is not None


def read_counts(settings: Settings, segment: str | None = None) -> Iterator[dict[str, Any]]:
    """The global counts as `stats export` prints them: committed changelog rows summed over
    partitions, sorted by segment and item.

    Nothing where there is no changelog yet.
    """
    try:
        reader = TopicReader(settings.kafka_client(), changelog_topics(settings)[0], undecided=True)
    except TopicsError:
        return
    rows: dict[tuple[int, bytes], Floats] = {}
    with reader:
        for record in reader.until_end():
            key, value = record.key() or b"", record.value()
            if key[:1] == COUNTS_PREFIX and value is not None:
                rows[record.partition() or 0, key] = np.array(decode_count(value).totals())
    sums: dict[tuple[str, str], Floats] = {}
    for (_partition, key), totals in rows.items():
        name = decode_count_key(key)
        sums[name] = sums[name] + totals if name in sums else totals
    for (segment_name, item_id), (impressions, clicks, conversions, value, _examined) in sorted(
        sums.items()
    ):
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
