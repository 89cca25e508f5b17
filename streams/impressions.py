"""Impressions: counted run by run, since they come so; what is unusual in a run is looked at one by one. See `attribution`."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from .attribution import DUPLICATE, MAX_SLATE_ITEMS, OVERFULL, Rules, entry, extend, horizon, open_row, settle
from .chunk import IMPRESSIONS, Shown
from .discount import weigh
from .partition import COUNTED_IMPRESSION, Partition
from .rows import SEEN, WAITING, Seen, SlateRow


def count_impressions(partition: Partition, runs: Sequence[Shown], rules: Rules, now_s: float) -> None:
    """Count impressions of one partition, in order.

    `now_s` bounds stream time: one event from a clock that runs ahead must not make the partition forget everything.
    """
    plain = rules.half_life_s is None and set(rules.examination) == {1.0}
    horizon_s = horizon(partition)
    lives_s = 2 * rules.attribution_window_s
    names = partition.names
    shown: defaultdict[str, list[str]] = defaultdict(list)
    newest_s, at = 0.0, 0
    for run in runs:
        times = run.times
        items: list[Any] = list(map(names.get, run.items))
        if None in items:
            items = list(map(names.setdefault, run.items, run.items))
        row = open_row(partition, run.slate_id, max(times[0], horizon_s) + lives_s, rules)
        segment = run.segment
        if segment is None:  # the slate's if this project made it, else what the context makes
            segment = row.segment if row.policy is not None and row.segment else run.made
        segment = names.setdefault(segment, segment)
        known = row.items
        found: dict[str, float | Seen] = dict(zip(items, times, strict=True))
        latest_s = max(times)
        newest_s = max(newest_s, latest_s)
        if (
            plain
            and len(found) == len(items) <= MAX_SLATE_ITEMS - len(known)
            and (row.segment is None or row.segment == segment)
            and (not known or known.keys().isdisjoint(found))
        ):
            row.segment = segment
            if known:
                known.update(found)
            else:
                row.items = found
            shown[segment] += items
            expires_s = max(horizon_s, latest_s) + lives_s
            if expires_s > row.expires_s:
                extend(row, expires_s, rules)
        else:
            for place, (item_id, ts, position) in enumerate(zip(items, times, run.positions, strict=True), at):
                if len(known) >= MAX_SLATE_ITEMS and item_id not in known:
                    partition.refuse(place, OVERFULL)
                elif _count(partition, row, segment, item_id, ts, position, plain, rules, now_s):
                    extend(row, max(ts, horizon_s) + lives_s, rules)
        at += len(items)
    for segment, items in shown.items():
        partition.shown[segment].update(items)
    partition.stream_s[IMPRESSIONS] = max(partition.stream_s.get(IMPRESSIONS, 0.0), min(newest_s, now_s))


def _count(
    partition: Partition, row: SlateRow, segment: str, item_id: str, ts: float, position: int, plain: bool, rules: Rules, now_s: float
) -> bool:
    """Count one impression; whether it was new. `plain`: each is worth 1."""
    seen = row.items.get(item_id)
    if seen is None:
        row.items[item_id] = ts
    elif not isinstance(seen, Seen) or seen.bits & SEEN:
        known = (seen.segment if isinstance(seen, Seen) else None) or row.segment or ""
        partition.tally[DUPLICATE, known] += 1
        return False
    else:
        seen.bits |= SEEN
        seen.seen_s = ts
    if row.segment is None:
        row.segment = segment
    elif segment != row.segment:  # most slates have one segment: it is kept once, and with an item where the item's differs
        entry(row, item_id).segment = segment
    if plain:
        partition.shown[segment][item_id] += 1
    else:
        count = partition.count((segment, item_id))
        count.impressions += 1.0
        weigh(count, position, min(ts, now_s), rules.examination, rules.half_life_s)
        partition.tally[COUNTED_IMPRESSION, segment] += 1
    if isinstance(seen, Seen) and seen.bits & WAITING:
        settle(partition, row, item_id, seen, rules, now_s)
    return True
