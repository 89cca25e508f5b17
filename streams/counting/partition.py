"""Partition: the state of one partition's sources. Rows in memory first, RocksDB behind them,
changes since the last flush.

Caches have two generations: what was touched since the last rotation, and the one before. A row is
dropped only after it went untouched through a whole rotation, and rotations follow a completed
flush: what is dropped is on disk, so a miss can read it.
"""

import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from typing import NamedTuple

from streams.contract.count_rows import (
    DELAYS_KEY,
    Before,
    CountRow,
    before,
    decode_count,
    encode_count,
    encode_count_key,
    encode_delays,
)
from streams.contract.dead_letters import Rejected
from streams.contract.funnel_rows import FUNNEL_KEY, decode_funnel, encode_funnel
from streams.counting.chunk import IMPRESSIONS
from streams.counting.limits import Admission, DescribedItems, Limits
from streams.counting.outcomes import UNKNOWN_ITEM
from streams.counting.places import Places
from streams.counting.rocksdb import SLATE_PREFIX, Disk
from streams.counting.rows import (
    POSITIONS_KEY,
    UNKNOWN_PREFIX,
    UNKNOWN_VALUE,
    Positions,
    SlateRow,
    decode_positions,
    decode_slate,
    encode_positions,
    encode_slate,
    rested,
)
from streams.counting.slate_outcomes import SlateOutcomes, Told
from streams.counting.slices import ROWS_AT_ONCE, batched

CountKey = tuple[str, str]  # (segment, item_id)
BOOKED_AT_ONCE = 500  # slates whose outcomes are added up between two turns: some 4 ms
_UNKNOWN = SlateRow(0.0)  # not in memory: None says that there is none
COUNTED_IMPRESSION = "impression"  # an outcome, see `attribution`
MOST_DELAYS = 256  # of a flush, evenly taken: 4 KiB; whoever learns from them keeps a sample too


class Changes(NamedTuple):
    """What one flush makes durable for one partition."""

    counts: list[tuple[bytes, bytes | None]]  # changelog records, the positions row last
    slates: list[tuple[bytes, bytes | None]]
    expiries: list[bytes]  # index keys that have been dealt with
    rejected: list[Rejected]
    offsets: dict[str, int]  # source -> next offset
    outcome_counts: Counter[tuple[str, str]]  # (outcome, segment) -> events
    told: Told  # of slates


def stored_positions(disk: Disk) -> Positions:
    """Where the rows on a disk stand in their sources."""
    stored = disk.get(POSITIONS_KEY)
    return decode_positions(stored) if stored is not None else Positions({}, {})


def stored_funnel(disk: Disk) -> Counter[tuple[str, str]]:
    """What became of the events whose counts are on a disk, by source and outcome."""
    stored = disk.get(FUNNEL_KEY)
    funnel = decode_funnel(stored) if stored is not None else {}
    return Counter(
        {
            (source, outcome): events
            for source, outcomes in funnel.items()
            for outcome, events in outcomes.items()
        }
    )


class Partition:
    """Counts, slates and positions of one partition number of all source topics."""

    def __init__(
        self,
        number: int,
        disk: Disk,
        rows_in_memory: int,
        half_life_s: float | None = None,
        admission: Admission | None = None,
        outcomes: SlateOutcomes | None = None,
    ) -> None:
        self.number = number
        self.disk = disk
        self.half_life_s = half_life_s
        self.admission = admission or Admission(Limits(), DescribedItems(), disk)
        self.outcomes = outcomes or SlateOutcomes(disk)
        self.uncounted = CountRow()  # what events of items that are not admitted are added to
        self.rows_in_memory = rows_in_memory
        positions = stored_positions(disk)
        self.offsets = positions.offsets
        self.stream_s = positions.stream_s
        self.topic_ids = positions.topic_ids
        self.arrived_s = time.monotonic()
        self.watermark_s = 0.0  # stream time when slates were last forgotten
        # where forgetting stands in the index on disk, until the next flush
        self.looked_at: bytes | None = None
        # of clicks counted since the last flush: seconds after the impression, time of the
        # impression
        self.delays: list[tuple[float, float]] = []
        self.places = Places(disk, rows_in_memory)
        self.counts: dict[CountKey, CountRow] = {}
        self._older_counts: dict[CountKey, CountRow] = {}
        self.slates: dict[str, SlateRow | None] = {}  # None: forgotten, until the disk knows
        self._older_slates: dict[str, SlateRow | None] = {}
        self.dirty_counts: dict[CountKey, CountRow] = {}
        self._before: dict[CountKey, Before] = {}  # those rows at the last flush
        self._removed: dict[CountKey, None] = {}
        # where `retention` stands among the rows on disk, and how many it has dealt with
        self.retired_up_to: bytes | None = None
        self.retired = 0
        # subtle: one string for each segment; copies that live as long as slates scatter what is
        # short-lived over all memory
        self.names: dict[str, str] = {}
        # by segment and item: see `add_shown`
        self.shown: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.dirty_slates: dict[str, SlateRow | None] = {}
        self.expiries: list[bytes] = []
        self.rejected: list[Rejected] = []
        self.outcome_counts: Counter[tuple[str, str]] = Counter()
        self.funnel = stored_funnel(disk)  # (source, outcome) -> events, since the beginning
        self._told = self.funnel.copy()  # as the changelog has it
        self.moved = False  # a position has changed since the last flush

    def count(self, key: CountKey) -> CountRow:
        """The row of (segment, item), marked as changed; `uncounted` for an item that is not
        admitted.
        """
        row = self.counts.get(key)
        if row is None:
            row = self._older_counts.pop(key, None)
            if row is None:
                stored = self.disk.get(encode_count_key(*key))
                if stored is None and not self.admission.item(key[1]):
                    return self.uncounted
                row = decode_count(stored) if stored is not None else CountRow()
            self.counts[key] = row
        if key not in self.dirty_counts:
            self._before[key] = before(row, self.half_life_s is not None)
            self.dirty_counts[key] = row
        return row

    def remove(self, key: CountKey) -> None:
        """A row that counts nothing leaves with the next flush, unless it counts until then."""
        self.counts.pop(key, None)
        self._older_counts.pop(key, None)
        self._removed[key] = None

    def note(self, source: str, outcome: str, segment: str, events: int = 1) -> None:
        """Events of a source have come to an outcome."""
        self.outcome_counts[outcome, segment] += events
        self.funnel[source, outcome] += events

    def add_shown(self) -> None:
        """Bring impressions that were counted in `shown` into the rows: one step for all
        impressions of a key, where each is worth 1.
        """
        for _ in self._adding_shown():
            pass

    def _adding_shown(self) -> Iterator[None]:
        """The same in slices."""
        for segment, items in self.shown.items():
            total = items.total()
            for at, (item_id, shown) in enumerate(items.items(), 1):
                if at % ROWS_AT_ONCE == 0:
                    yield
                if not shown:
                    continue  # each of them was a duplicate or refused
                row = self.count((segment, item_id))
                row.impressions += shown
                row.examined += shown
                if row is self.uncounted:
                    self.note(IMPRESSIONS, UNKNOWN_ITEM, segment, shown)
                    total -= shown
            if total:
                self.note(IMPRESSIONS, COUNTED_IMPRESSION, segment, total)
        self.shown.clear()

    def slate(self, slate_id: str) -> SlateRow | None:
        """The row of a slate, None if it is not known (or forgotten)."""
        row = self.slates.get(slate_id, _UNKNOWN)
        if row is not _UNKNOWN:
            return row
        row = self._older_slates.pop(slate_id, _UNKNOWN)
        if row is _UNKNOWN:
            stored = self.disk.get(SLATE_PREFIX + slate_id.encode())
            if stored is None:
                return None
            row = decode_slate(stored)
        self.slates[slate_id] = row
        return row

    def put_slate(self, slate_id: str, row: SlateRow | None) -> None:
        """A new or changed row; None forgets it."""
        self.slates[slate_id] = row
        self.dirty_slates[slate_id] = row

    def take_changes(self) -> Changes | None:
        """Everything since the last call, encoded; None if nothing happened. Then comes `settled`,
        or the state is dropped.
        """
        steps = self.taking_changes()
        while True:
            try:
                next(steps)
            except StopIteration as done:
                changes: Changes | None = done.value
                return changes

    def taking_changes(self) -> Generator[None, None, Changes | None]:
        """The same in slices of a few milliseconds; nothing may be counted between them."""
        yield from self._adding_shown()
        if not (
            self.moved
            or self.dirty_counts
            or self._removed
            or self.dirty_slates
            or self.expiries
            or self.rejected
        ):
            return None
        half_life_s, since, now_s = self.half_life_s, self._before, time.time()
        counts: list[tuple[bytes, bytes | None]] = []
        for count_rows in batched(self.dirty_counts.items()):
            counts += [
                (encode_count_key(*key), encode_count(row, half_life_s, since[key], now_s))
                for key, row in count_rows
            ]
            yield
        counts += [(encode_count_key(*key), None) for key in self._removed if key not in since]
        counts += self.places.forget(key for key in self._removed if key not in since)
        self._removed = {}
        for place_rows in batched(self.places.take()):
            counts += place_rows
            yield
        unknown, self.admission.new_unknown = self.admission.new_unknown, []
        counts += [(UNKNOWN_PREFIX + name.encode(), UNKNOWN_VALUE) for name in unknown]
        if self.delays:
            step = -(-len(self.delays) // MOST_DELAYS)
            counts.append((DELAYS_KEY, encode_delays(self.delays[::step])))
            self.delays = []
        if self.funnel != self._told:
            self._told = self.funnel.copy()
            counts.append((FUNNEL_KEY, encode_funnel(self.funnel)))
        slates: list[tuple[bytes, bytes | None]] = []
        for slate_rows in batched(self.dirty_slates.items()):
            for at, (_name, row) in enumerate(slate_rows, 1):
                if row is not None and row.made is not None:
                    self.outcomes.book(row)
                if at % BOOKED_AT_ONCE == 0:
                    yield
            slates += [
                (name.encode(), encode_slate(rested(row)) if row is not None else None)
                for name, row in slate_rows
            ]
            yield
        outcomes, told = self.outcomes.take()
        counts += outcomes
        positions = Positions(self.offsets, self.stream_s, self.topic_ids)
        counts.append((POSITIONS_KEY, encode_positions(positions)))
        changes = Changes(
            counts,
            slates,
            self.expiries,
            self.rejected,
            dict(self.offsets),
            self.outcome_counts,
            told,
        )
        self.dirty_counts, self.dirty_slates, self._before = {}, {}, {}
        self.expiries, self.rejected, self.outcome_counts, self.moved = [], [], Counter(), False
        return changes

    def settled(self) -> None:
        """The changes last taken are on disk: rows that nobody touches may leave the memory."""
        self.looked_at = None
        self.outcomes.settled()
        self.places.settled()
        if len(self.names) > self.rows_in_memory:
            self.names.clear()
        if len(self.counts) > self.rows_in_memory:
            self._older_counts, self.counts = self.counts, {}
        if len(self.slates) > self.rows_in_memory:
            self._older_slates, self.slates = self.slates, {}
