"""Impressions: counted run by run, since they come so; what is unusual in a run is looked at one by
one. See `attribution`.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from streams.counting.chunk import (
    IMPRESSIONS,
    LIST,
    WHOLE,
    ImpressionRun,
    ImpressionRuns,
    Refusal,
)
from streams.counting.decay import weigh
from streams.counting.feedback import settle
from streams.counting.outcomes import BEYOND_SEGMENTS, DUPLICATE, UNKNOWN_ITEM, WAITED
from streams.counting.partition import COUNTED_IMPRESSION, Partition
from streams.counting.places import count_seen
from streams.counting.rows import SEEN, WAITING, Seen, SlateRow, items_of, offered_of
from streams.counting.rules import Rules
from streams.counting.slate_log import (
    MAX_SLATE_ITEMS,
    OVERFULL,
    entry,
    extend,
    horizon,
    open_row,
)

_unpack_seen_items = msgspec.msgpack.Decoder(dict[str, float]).decode


def count_impressions(
    partition: Partition, impressions: ImpressionRuns, rules: Rules, now_s: float
) -> list[Refusal]:
    """Count impressions of one partition, in order; returns those that cannot be.

    `now_s` bounds stream time: one event from a clock that runs ahead must not make the partition
    forget everything.
    """
    plain = rules.plain
    horizon_s = horizon(partition)
    lives_s = 2 * rules.attribution_window_s
    admitted, rows = partition.admission.segment, partition.dirty_slates
    if plain:  # what turns out to be no first look is taken back below
        for name, totals in impressions.totals.items():
            partition.shown[admitted(name)].update(totals)
    newest_s, at = 0.0, 0
    refusals: list[Refusal] = []
    for run in impressions.runs:
        expires_s = max(run.newest_s, horizon_s) + lives_s
        newest_s = max(newest_s, run.newest_s)
        # subtle: a run that is too long for a slate is counted one by one below, and only what is
        # counted lengthens the row's life
        row = rows.get(run.slate_id) or open_row(
            partition, run.slate_id, expires_s if run.size <= MAX_SLATE_ITEMS else 0.0, rules
        )
        if run.shape == WHOLE:
            _take_whole(partition, row, run, expires_s, rules, now_s)
            continue
        segment = run.segment
        if segment is None:  # the slate's if this project made it, else what the context makes
            segment = row.segment if row.policy is not None and row.segment else run.made
        named, segment = segment, admitted(segment)
        if segment != named:
            partition.outcome_counts[BEYOND_SEGMENTS, ""] += run.size
        if plain and (row.segment is None or row.segment == segment) and _add(row, run):
            row.segment = segment
            if run.segment is None:
                partition.shown[segment].update(list(_unpack_seen_items(run.seen_items)))
            if rules.learn_places and row.offered:
                count_seen(partition, row, segment, _unpack_seen_items(run.seen_items))
            if expires_s > row.expires_s:
                extend(row, expires_s, rules)
        else:
            positions = impressions.positions[at : at + run.size]
            refusals += _count_each(partition, row, run, segment, positions, rules, now_s)
        at += run.size
    partition.stream_s[IMPRESSIONS] = max(
        partition.stream_s.get(IMPRESSIONS, 0.0), min(newest_s, now_s)
    )
    return refusals


def _count_each(
    partition: Partition,
    row: SlateRow,
    run: ImpressionRun,
    segment: str,
    positions: Sequence[int],
    rules: Rules,
    now_s: float,
) -> Iterator[Refusal]:
    """Count the items of a run one by one."""
    plain, horizon_s = rules.plain, horizon(partition)
    seen_items = _unpack_seen_items(run.seen_items)
    if plain and run.segment is not None:
        partition.shown[segment].subtract(list(seen_items))
    known = items_of(row)
    for place, (item_id, ts) in enumerate(seen_items.items()):
        if len(known) >= MAX_SLATE_ITEMS and item_id not in known:
            yield Refusal(run.record(place), OVERFULL)
            if run.shape == LIST:
                return  # the record is one dead letter, whatever else stands in it
            continue
        position = 0 if plain else positions[place]
        if _count(partition, row, segment, item_id, ts, position, plain, rules, now_s):
            extend(row, max(ts, horizon_s) + 2 * rules.attribution_window_s, rules)


def _take_whole(
    partition: Partition,
    row: SlateRow,
    run: ImpressionRun,
    expires_s: float,
    rules: Rules,
    now_s: float,
) -> None:
    """Count an impression of a whole slate, or let it wait for the slate; the earliest is kept."""
    waited = row.whole is not None
    if row.whole is None or run.newest_s < row.whole[0]:
        row.whole = run.newest_s, run.segment, run.made
    extend(row, expires_s, rules)
    if row.policy is not None:
        count_whole(partition, row, rules, now_s)
    else:
        partition.note(IMPRESSIONS, DUPLICATE if waited else WAITED, row.segment or "")


def count_whole(partition: Partition, row: SlateRow, rules: Rules, now_s: float) -> None:
    """Count every item of a slate that this project made: its impression of the whole is here."""
    if row.whole is None:
        return
    (ts, named, made), row.whole = row.whole, None
    named = named or row.segment or made
    segment, offered = partition.admission.segment(named), offered_of(row)
    if segment != named:
        partition.outcome_counts[BEYOND_SEGMENTS, ""] += len(offered)
    for item_id, position, _propensity in offered:
        _count(partition, row, segment, item_id, ts, position, rules.plain, rules, now_s)


def _add(row: SlateRow, run: ImpressionRun) -> bool:
    """Add the items of a run to those of its slate, if they are new to it and not too many."""
    if not row.items:
        if run.size <= MAX_SLATE_ITEMS:
            row.items = run.seen_items
            return True
        return False
    known, seen_items = items_of(row), _unpack_seen_items(run.seen_items)
    if run.size > MAX_SLATE_ITEMS - len(known) or not known.keys().isdisjoint(seen_items):
        return False
    known.update(seen_items)
    return True


def _count(
    partition: Partition,
    row: SlateRow,
    segment: str,
    item_id: str,
    ts: float,
    position: int,
    plain: bool,
    rules: Rules,
    now_s: float,
) -> bool:
    """Count one impression; whether it was new. `plain`: each is worth 1."""
    items: dict[str, Any] = items_of(row)
    seen = items.get(item_id)
    if seen is None:
        items[item_id] = ts
    elif not isinstance(seen, Seen) or seen.bits & SEEN:
        known = (seen.segment if isinstance(seen, Seen) else None) or row.segment or ""
        partition.note(IMPRESSIONS, DUPLICATE, known)
        return False
    else:
        seen.bits |= SEEN
        seen.seen_s = ts
    if row.segment is None:
        row.segment = segment
    elif segment != row.segment:
        # most slates have one segment: it is kept once, and with an item where the item's differs
        entry(row, item_id).segment = segment
    if rules.learn_places and row.offered:
        count_seen(partition, row, segment, (item_id,))
    if plain:
        partition.shown[segment][item_id] += 1
    else:
        count = partition.count((segment, item_id))
        count.impressions += 1.0
        weigh(count, position, min(ts, now_s), rules.examination, rules.half_life_s)
        outcome = UNKNOWN_ITEM if count is partition.uncounted else COUNTED_IMPRESSION
        partition.note(IMPRESSIONS, outcome, segment)
    if isinstance(seen, Seen) and seen.bits & WAITING:
        settle(partition, row, item_id, seen, rules, now_s)
    return True
