"""Slate outcomes: what became of the slates of one partition, added up in outcome rows
(`streams.contract.outcome_rows`).

A slate's row says what is in the sums already (`SlateRow.booked`), and a flush adds what is new of
each row that it writes. Both travel in the same transaction: every slate, impression and click is
in the sums once, whatever order they came in, and whatever is replayed.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator

from streams.contract.outcome_rows import (
    COLUMNS,
    HOURS_OF_A_DAY,
    SEGMENTS_KIND,
    SLATES_KIND,
    USERS_KIND,
    OutcomeKey,
    decode_outcome,
    decode_outcome_key,
    encode_outcome,
    encode_outcome_key,
    first_key,
)
from streams.contract.segments import DEFAULT_SEGMENT, OTHER_SEGMENT
from streams.counting.rocksdb import Disk
from streams.counting.rows import CLICKED, CONVERTED, SEEN, Booked, Seen, SlateRow, seen_of

OTHER = "other"
# subtle: names come with slates, and whoever may write these could invent some; the rows of an hour
# are as many as these two numbers say
MOST_VARIANTS = 64  # with their versions
MOST_SEGMENTS = 100
SEGMENT_HOURS = 48  # rows of segments are for what goes on now
ROWS_IN_MEMORY = 10_000
RETENTION_S = 30 * 86_400.0

Told = Counter[tuple[str, str]]  # (variant, outcome) -> slates, or clicks given up


class SlateOutcomes:
    """Outcome rows of a partition; changes since the last flush.

    Parameters
    ----------
    disk
        Of the partition.
    retention_s
        How long rows are kept, but for those of segments.
    """

    def __init__(self, disk: Disk, retention_s: float = RETENTION_S) -> None:
        self._disk = disk
        self._retention_hours = max(HOURS_OF_A_DAY, int(retention_s // 3600))
        self._rows: dict[OutcomeKey, list[float]] = {}
        self._dirty: dict[OutcomeKey, list[float]] = {}
        self._told: Told = Counter()
        self._variants: defaultdict[int, set[tuple[str, str]]] = defaultdict(set)  # by hour
        self._segments = {DEFAULT_SEGMENT, OTHER_SEGMENT}
        for key in self._stored(SEGMENTS_KIND, None):
            if len(self._segments) < MOST_SEGMENTS:
                self._segments.add(str(decode_outcome_key(key).names[1]))
        self._newest = self._swept = 0  # hours

    def book(self, row: SlateRow) -> None:
        """Add what is new of a slate; only of those that this project made."""
        made = row.made
        if made is None:
            return
        now, before = _booked(row), row.booked
        if now == before:
            return
        row.booked = now
        offered = float(before is None)
        was = before or Booked()
        variant, policy = self._variant(made.hour, row.variant or OTHER, row.policy or OTHER)
        seen, clicked = float(now.seen) - float(was.seen), float(now.clicked) - float(was.clicked)
        change = [
            offered,
            seen,
            clicked,
            now.impressions - was.impressions,
            now.clicks - was.clicks,
            now.conversions - was.conversions,
            now.value - was.value,
        ]
        squares = [
            now.impressions**2 - was.impressions**2,
            now.clicks**2 - was.clicks**2,
            now.conversions**2 - was.conversions**2,
            now.value**2 - was.value**2,
            now.clicks * now.impressions - was.clicks * was.impressions,
        ]
        forced = not made.share
        names = variant, policy, int(forced)
        self._add(OutcomeKey(SLATES_KIND, made.hour, names), change + squares)
        self._told[variant, "offered"] += int(offered)
        self._told[variant, "seen"] += int(seen)
        self._told[variant, "clicked"] += int(clicked)
        if forced:
            return
        weight = 1.0 / made.share
        both = [offered, offered * weight, seen, seen * weight]
        day = made.hour - made.hour % HOURS_OF_A_DAY
        users = OutcomeKey(USERS_KIND, day, (variant, policy, made.user_group))
        self._add(users, both + change[2:])
        segments = OutcomeKey(SEGMENTS_KIND, made.hour, (variant, self._segment(row.segment)))
        explored = [made.slots, made.explored, made.given_up] if offered else [0.0, 0.0, 0.0]
        self._add(segments, [*both, change[4], *explored])

    def take(self) -> tuple[list[tuple[bytes, bytes | None]], Told]:
        """Changelog records of the changes since the last call, and what they add up to; rows whose
        time is over go.
        """
        records: list[tuple[bytes, bytes | None]] = [
            (encode_outcome_key(key), encode_outcome(sums)) for key, sums in self._dirty.items()
        ]
        if self._dirty:
            records += [(key, None) for key in self._expired()]
        told, self._told, self._dirty = self._told, Counter(), {}
        return records, told

    def settled(self) -> None:
        """The changes last taken are on disk."""
        if len(self._rows) > ROWS_IN_MEMORY:
            self._rows = dict(self._dirty)

    def _add(self, key: OutcomeKey, change: list[float]) -> None:
        sums = self._rows.get(key)
        if sums is None:
            stored = self._disk.get(encode_outcome_key(key))
            columns = len(COLUMNS[key.kind])
            sums = list(decode_outcome(key.kind, stored)) if stored else [0.0] * columns
            self._rows[key] = sums
        for at, more in enumerate(change):
            sums[at] += more
        self._dirty[key] = sums
        self._newest = max(self._newest, key.hour)

    def _variant(self, hour: int, variant: str, policy: str) -> tuple[str, str]:
        known = self._variants[hour]
        if (variant, policy) not in known:
            if len(known) >= MOST_VARIANTS:
                return OTHER, OTHER
            known.add((variant, policy))
        return variant, policy

    def _segment(self, name: str | None) -> str:
        name = name or DEFAULT_SEGMENT
        if name not in self._segments:
            if len(self._segments) >= MOST_SEGMENTS:
                return OTHER_SEGMENT
            self._segments.add(name)
        return name

    def _expired(self) -> Iterator[bytes]:
        """Keys of rows that are too old; looked for once an hour."""
        if self._newest <= self._swept:
            return
        self._swept = self._newest
        for hour in [each for each in self._variants if each < self._newest - SEGMENT_HOURS]:
            del self._variants[hour]
        for kind, hours in (
            (SLATES_KIND, self._retention_hours),
            (USERS_KIND, self._retention_hours),
            (SEGMENTS_KIND, SEGMENT_HOURS),
        ):
            oldest = max(0, self._newest - hours)
            for key in [each for each in self._rows if each.kind == kind and each.hour < oldest]:
                del self._rows[key]
            yield from self._stored(kind, oldest)

    def _stored(self, kind: bytes, before: int | None) -> list[bytes]:
        """Keys on disk of a kind, all or those before an hour."""
        until = kind_end(kind) if before is None else first_key(kind, before)
        return self._disk.keys_between(first_key(kind, 0), until)


def kind_end(kind: bytes) -> bytes:
    """Behind all keys of a kind."""
    return first_key(kind, 2**32 - 1)


def _booked(row: SlateRow) -> Booked:
    impressions = clicks = conversions = 0
    for seen in seen_of(row).values():
        if not isinstance(seen, Seen):
            impressions += 1
        else:
            impressions += bool(seen.bits & SEEN)
            clicks += bool(seen.bits & CLICKED)
            conversions += bool(seen.bits & CONVERTED)
    return Booked(impressions, clicks, conversions, row.value)
