"""View: the global counts in memory, from the committed counts changelog.

Each partition holds its own counts of the events it saw; the global count of (segment, item) is the
sum over partitions. What the log held when reading began is summed up by its rows' totals
(`first_read`); from there on a record adds what its row grew by, and no row is kept.
With a half-life, discounted counts are kept beside them at one common time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from confluent_kafka import Message
from numpy.typing import NDArray

from bandits.learning.evidence import Evidence
from bandits.learning.recent_counts import COLUMNS
from bandits.slates.learner import Learner
from bandits.sparse_counts import SparseCounts
from streams.config import Settings
from streams.contract.count_rows import (
    COUNTS_PREFIX,
    DELAYS_KEY,
    CountRows,
    RowError,
    decode_count,
    decode_count_key,
    decode_counts,
    decode_delays,
)
from streams.kafka.admin import TopicsError
from streams.kafka.changelogs import COMPACTION_LAG_S
from streams.kafka.names import changelog_topics
from streams.kafka.topic_reader import TopicReader
from streams.serving.first_read import FirstRead
from streams.serving.last_hour import LastHour

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Rows = list[tuple[bytes, bytes]]  # key and value; b"" is a tombstone
# the common time moves on after this many: 2^16 is far from the ends of a float
REBASE_HALF_LIVES = 16.0
# a reader this far behind may have missed records: the rest is for clocks that differ
LATEST_S = 5 / 6 * COMPACTION_LAG_S


class FellBehind(Exception):
    """Records of the counts changelog may be gone unread: it is to be read from its beginning."""


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
    """Counts by segment and item, these by `items`, which others may extend; in `learner`."""

    def __init__(
        self,
        items: Index,
        half_life_s: float | None = None,
        evidence: Evidence | None = None,
        fields: bool = False,
    ) -> None:
        self.segments = Index()
        self.live = False  # whether what comes now is fresh: false while an old log is read
        self.items = items
        self.version = 0  # changes whenever a count does
        self.changed_at: dict[int, int] = {}  # segment -> version of its last change
        self.at_s = 0.0  # that the discounted counts are seen from
        self._half_life_s = half_life_s
        self._evidence = Evidence(half_lives=()) if evidence is None else evidence
        self.learner = Learner(self._evidence, half_life_s is not None, fields)
        self._first = FirstRead({})
        self._next: dict[int, int] = {}  # offset by partition
        self._last_hour: LastHour | None = LastHour()  # until all is read for the first time
        self._known_segments: dict[bytes, int] = {}
        self._known_items: dict[bytes, int] = {}

    def begin(self, ends: Mapping[int, int]) -> None:
        """The log is read from its beginning; `ends` is where its partitions end now."""
        self._first, self._next, self.live = FirstRead(ends), {}, False
        self.learner.clear()
        self.version += 1

    def read_to_end(self, partitions: Iterable[int]) -> None:
        """All records of these partitions up to their ends in `begin` were applied."""
        for partition in partitions:
            cells = self._first.take(partition)
            if cells.items.size:
                self._rebase(float(cells.reference_s.max()))
                self._add(cells.segments, cells.items, self._columns_of(*cells[2:]))

    def apply(self, records: Sequence[Message], now_s: float) -> list[Message]:
        """Records of the counts changelog that came now, in order (confluent-kafka messages);
        returns those that are no rows of counts.

        Raises
        ------
        FellBehind
            When they are so old that others may be gone, or come from another log.
        """
        early, rows, others = self._parted(records, now_s)
        for partition, own in early.items():
            segments, items = self._cells_of(own)
            there, found = self._first.add(partition, segments, items, [value for _, value in own])
            self._keep(found, segments[there], items[there], now_s)
        if rows:
            found = decode_counts([value for _, value in rows])
            self._rebase(float(found.reference_s.max()))
            segments, items = self._cells_of(rows)
            added = self._columns_of(found.added, found.fresh_added, found.reference_s)
            self._add(segments, items, added)
            if self.live:
                self._evidence.reserve((len(self.segments), len(self.items)))
                self._evidence.add(segments, items, added[:, : len(COLUMNS)], now_s)
            else:
                self._keep(found, segments, items, now_s)
        for record in others:
            if record.key() == DELAYS_KEY and (delays := record.value()) is not None:
                self._evidence.clicked(decode_delays(delays))
        return others

    def caught_up(self, now_s: float) -> None:
        """Everything that there was is read; what comes now is fresh."""
        if self._last_hour is not None:
            self._last_hour.into(self._evidence, (len(self.segments), len(self.items)), now_s)
            self._last_hour = None
        self.live = True

    def _keep(self, rows: CountRows, segments: Ints, items: Ints, now_s: float) -> None:
        if self._last_hour is not None:
            self._last_hour.add(rows.touched, segments, items, rows.added, now_s)

    def _parted(
        self, records: Sequence[Message], now_s: float
    ) -> tuple[dict[int, Rows], Rows, list[Message]]:
        """Rows before the ends by partition, rows behind them, and what is no row."""
        rows: Rows = []
        early: dict[int, Rows] = {}
        others, ends, following = [], self._first.ends, self._next
        at_most_ms = 1000 * (now_s - LATEST_S)
        for record in records:
            partition, offset = record.partition() or 0, record.offset() or 0
            key, value = record.key() or b"", record.value()
            first = offset < ends.get(partition, 0)
            if not first:
                if offset < following.get(partition, 0) or record.timestamp()[1] < at_most_ms:
                    raise FellBehind
                following[partition] = offset + 1
            if not key.startswith(COUNTS_PREFIX):
                others.append(record)
            elif first:
                own = early.get(partition)
                if own is None:
                    own = early[partition] = []
                own.append((key, value or b""))
            elif value is not None:
                rows.append((key, value))
        return early, rows, others

    def _add(self, segments: Ints, items: Ints, increments: Floats) -> None:
        """Increments (n, columns) of cells (n,)."""
        self.learner.add(segments, items, increments)
        self.version += 1
        for segment in np.unique(segments).tolist():
            self.changed_at[segment] = self.version

    def _cells_of(self, rows: Rows) -> tuple[Ints, Ints]:
        """Segment and item of rows, (n,) each."""
        segments, items = [], []
        # subtle: names are looked up as the bytes that they are in keys, whole keys decoded only
        # where one is new: at a start these are millions
        known_segments, known_items = self._known_segments, self._known_items
        for key, _ in rows:
            end = 3 + int.from_bytes(key[1:3], "little")
            segment, item = known_segments.get(key[:end]), known_items.get(key[end:])
            if segment is None or item is None:
                segment_name, item_name = decode_count_key(key)
                segment = known_segments[key[:end]] = self.segments.number(segment_name)
                item = known_items[key[end:]] = self.items.number(item_name)
            segments.append(segment)
            items.append(item)
        return np.array(segments, dtype=np.int64), np.array(items, dtype=np.int64)

    def _columns_of(self, plain: Floats, fresh: Floats, references_s: Floats) -> Floats:
        """(n, columns): discounted ones at the common time."""
        if self._half_life_s is None:
            return plain
        shares = 2.0 ** ((references_s - self.at_s) / self._half_life_s)
        return np.concatenate([plain, fresh * shares[:, None]], axis=1)

    def look(self, now_s: float) -> SparseCounts:
        """The global counts as of now; `learner` learns from them."""
        half_life_s = self._half_life_s
        discount = None if half_life_s is None else 2.0 ** ((self.at_s - now_s) / half_life_s)
        self.learner.look((len(self.segments), len(self.items)), now_s, discount)
        return self.learner.counts

    def _rebase(self, reference_s: float) -> None:
        half_life_s = self._half_life_s
        if half_life_s is None or reference_s - self.at_s <= REBASE_HALF_LIVES * half_life_s:
            return
        self.learner.rescale(2.0 ** ((self.at_s - reference_s) / half_life_s))
        self.at_s = reference_s


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
            if key[:1] != COUNTS_PREFIX:
                continue
            if value is None:  # expired
                rows.pop((record.partition() or 0, key), None)
            else:
                rows[record.partition() or 0, key] = np.array(decode_count(value).totals())
    sums: dict[tuple[str, str], Floats] = {}
    for (_partition, key), totals in rows.items():
        name = decode_count_key(key)
        sums[name] = sums[name] + totals if name in sums else totals
    for (segment_name, item_id), (impressions, clicks, conversions, value, _examined) in sorted(
        sums.items()
    ):
        expires = not (impressions or clicks or conversions or value)
        if not expires and segment in (None, segment_name):
            yield {
                "segment": segment_name,
                "item_id": item_id,
                "impressions": int(impressions),
                "clicks": int(clicks),
                "conversions": int(conversions),
                "value": float(value),
            }


__all__ = ["CountsView", "FellBehind", "Index", "RowError", "read_counts"]
