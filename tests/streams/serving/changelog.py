"""A counts changelog without a broker: partitions count and flush, flushes are committed or not,
the log is compacted, a view reads it.
"""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka import Message

from bandits.counts import Counts
from streams.contract.count_rows import (
    NOTHING,
    Before,
    CountRow,
    before,
    encode_count,
    encode_count_key,
)
from streams.counting.decay import discount
from streams.serving.counts_view import CountsView
from tests.streams.making import AT_MS, record

Name = tuple[int, str, str]  # partition, segment, item


class Changelog:
    """What has been committed, and what each partition counted since."""

    def __init__(self, half_life_s: float | None = None) -> None:
        self.half_life_s = half_life_s
        self.records: list[Message] = []
        self._read = 0
        self._committed: dict[Name, Before] = {}
        self._dirty: dict[Name, CountRow] = {}
        self._offsets: dict[int, int] = {}
        self._events: list[tuple[float, float]] = []  # committed: impressions, time
        self._open: dict[int, list[tuple[float, float]]] = {}

    def count(
        self,
        segment: str,
        item: str,
        impressions: float,
        clicks: float = 0.0,
        value: float = 0.0,
        partition: int = 0,
        at_s: float = 0.0,
    ) -> None:
        """More of a pair, in a partition."""
        name = partition, segment, item
        row = self._dirty.get(name)
        if row is None:
            row = self._dirty[name] = CountRow()
            since = self._committed.get(name, NOTHING)
            row.impressions, row.clicks, row.conversions, row.value, row.examined = since.totals
            row.fresh_impressions, row.fresh_examined = since.fresh[0], since.fresh[4]
            row.reference_s = since.reference_s
        row.impressions += impressions
        row.examined += impressions
        row.clicks += clicks
        row.value += value
        if self.half_life_s is not None:
            share = discount(row, at_s, self.half_life_s)
            row.fresh_impressions += share * impressions
            row.fresh_examined += share * impressions
        self._open.setdefault(partition, []).append((impressions, at_s))

    def flush(self, partition: int, committed: bool = True) -> None:
        """What a partition counted is in the log, or never happened; offsets go on either way."""
        events = self._open.pop(partition, [])
        for name in [name for name in self._dirty if name[0] == partition]:
            row = self._dirty.pop(name)
            if committed:
                since = self._committed.get(name, NOTHING)
                value = encode_count(row, self.half_life_s, since)
                self._committed[name] = before(row, self.half_life_s is not None)
                at = self._offsets.get(partition, 0)
                key = encode_count_key(*name[1:])
                self.records.append(record(value, key, "changelog", partition, at, AT_MS))
            self._offsets[partition] = self._offsets.get(partition, 0) + 1
        self._offsets[partition] = self._offsets.get(partition, 0) + 1  # the marker
        self._events += events if committed else []

    def ends(self) -> dict[int, int]:
        """Where partitions end now."""
        return dict(self._offsets)

    def compact(self, records: int, every: int = 1) -> None:
        """Of the first so many records, remove those that a later one of them replaces."""
        last = {_name(each): at for at, each in enumerate(self.records[:records])}
        gone = [at for at, each in enumerate(self.records[:records]) if last[_name(each)] != at]
        for at in reversed(gone[::every]):
            del self.records[at]

    def rewind(self) -> None:
        """What was fed is fed again."""
        self._read = 0

    def feed(self, view: CountsView, now_s: float = 0.0) -> None:
        """Flush, and let a view read what it has not read; then it is at the end."""
        for partition in sorted({name[0] for name in self._dirty}):
            self.flush(partition)
        records, self._read = self.records[self._read :], len(self.records)
        for at in range(0, len(records), 3):
            view.apply(records[at : at + 3], now_s)
        view.read_to_end(self._offsets)

    def weight(self, half_life_s: float, now_s: float) -> Iterator[float]:
        """What each committed impression weighs at a time."""
        for impressions, at_s in self._events:
            yield impressions * 2.0 ** ((at_s - now_s) / half_life_s)


def dense(view: CountsView, now_s: float) -> Counts:
    """The counts of a view, (n_segments, n_items) each."""
    view.look(now_s)
    assert view.learner.dense is not None
    return view.learner.dense


def _name(each: Message) -> tuple[int | None, bytes]:
    return each.partition(), bytes(each.key() or b"")
