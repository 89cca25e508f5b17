"""Impressions: counted slate by slate, since they come so; what is unusual in a slate is looked at one by one. See `attribution`."""

import itertools
import operator
from collections import defaultdict
from collections.abc import Sequence

from .attribution import DUPLICATE, IMPRESSIONS, MAX_SLATE_ITEMS, OVERFULL, Rules, entry, extend, horizon, open_row, settle
from .discount import weigh
from .events import Context, Impression, seconds
from .partition import COUNTED_IMPRESSION, Partition
from .rows import SEEN, WAITING, Seen, SlateRow
from .segments import context_segment


def count_impressions(partition: Partition, events: Sequence[Impression], rules: Rules, now_s: float) -> None:
    """Count a run of impressions of one partition, in order.

    `now_s` bounds stream time: one event from a clock that runs ahead must not make the partition forget everything.
    """
    plain = rules.half_life_s is None and set(rules.examination) == {1.0}
    horizon_s = horizon(partition)
    lives_s = 2 * rules.attribution_window_s
    names = partition.names
    shown: defaultdict[str, list[str]] = defaultdict(list)
    slates = [event.slate_id for event in events]
    times = [ts if type(ts := event.ts) is float else seconds(ts) for event in events]
    segments = [event.segment for event in events]
    items = [event.item_id for event in events]
    items = list(map(names.setdefault, items, items))
    changes = itertools.compress(itertools.count(1), map(operator.ne, slates, slates[1:]))
    for begin, end in itertools.pairwise([0, *changes, len(slates)] if slates else []):
        own, own_times = items[begin:end], times[begin:end]
        row = open_row(partition, slates[begin], max(own_times[0], horizon_s) + lives_s, rules)
        known = row.items
        found: dict[str, float | Seen] = dict(zip(own, own_times, strict=True))
        segment = None
        if plain and len(found) == end - begin <= MAX_SLATE_ITEMS - len(known) and (not known or known.keys().isdisjoint(found)):
            segment = _one_segment(row, segments[begin:end], events, begin, rules)
        if segment is None:
            for event, item_id, ts in zip(events[begin:end], own, own_times, strict=True):
                if _count(partition, row, event, item_id, ts, plain, rules, now_s):
                    extend(row, max(ts, horizon_s) + lives_s, rules)
            continue
        row.segment = segment = names.setdefault(segment, segment)
        if known:
            known.update(found)
        else:
            row.items = found
        shown[segment] += own
        latest_s = max(horizon_s, max(own_times))
        if latest_s + lives_s > row.expires_s:
            extend(row, latest_s + lives_s, rules)
    for segment, own in shown.items():
        partition.shown[segment].update(own)
    partition.stream_s[IMPRESSIONS] = max(partition.stream_s.get(IMPRESSIONS, 0.0), min(max(times, default=0.0), now_s))


def _one_segment(row: SlateRow, segments: Sequence[str | None], events: Sequence[Impression], begin: int, rules: Rules) -> str | None:
    """The segment that the impressions from `begin` on have in common, with each other and with their slate; None if there is none.

    `segments`: what they say themselves.
    """
    first = segments[0]
    if segments.count(first) < len(segments):
        return None
    if first is None:
        made = {_segment(row, event.context, rules) for event in events[begin : begin + len(segments)]}
        first = made.pop()
        if made:
            return None
    return first if row.segment is None or row.segment == first else None


def _count(
    partition: Partition, row: SlateRow, event: Impression, item_id: str, ts: float, plain: bool, rules: Rules, now_s: float
) -> bool:
    """Count one impression; whether it was new. `plain`: each is worth 1."""
    seen = row.items.get(item_id)
    if seen is None:
        if len(row.items) >= MAX_SLATE_ITEMS:
            partition.refuse(event, OVERFULL)
            return False
        row.items[item_id] = ts
    elif not isinstance(seen, Seen) or seen.bits & SEEN:
        segment = (seen.segment if isinstance(seen, Seen) else None) or row.segment or ""
        partition.tally[DUPLICATE, segment] += 1
        return False
    else:
        seen.bits |= SEEN
        seen.seen_s = ts
    segment = event.segment or _segment(row, event.context, rules)
    segment = partition.names.setdefault(segment, segment)
    if row.segment is None:
        row.segment = segment
    elif segment != row.segment:  # most slates have one segment: it is kept once, and with an item where the item's differs
        entry(row, item_id).segment = segment
    if plain:
        partition.shown[segment][item_id] += 1
    else:
        count = partition.count((segment, item_id))
        count.impressions += 1.0
        weigh(count, event.position, min(ts, now_s), rules.examination, rules.half_life_s)
        partition.tally[COUNTED_IMPRESSION, segment] += 1
    if isinstance(seen, Seen) and seen.bits & WAITING:
        settle(partition, row, item_id, seen, rules, now_s)
    return True


def _segment(row: SlateRow, context: Context | None, rules: Rules) -> str:
    """The segment of an impression that does not name one: the slate's if this project made it, else what the context makes."""
    return row.segment if row.policy is not None and row.segment else context_segment(context, rules.segment_fields)
