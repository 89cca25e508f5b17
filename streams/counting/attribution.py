"""Attribution: which impression a click belongs to, and what is counted. Pure functions over a
`Partition`: no broker, no clock.

Per (slate_id, item_id) an impression counts once, and a click and a conversion once each, in
whatever order they come:

    click       counts if its impression was seen and  click.ts - impression.ts <= attribution
                window
    conversion  counts if its impression was seen and  conversion.ts - impression.ts <= conversion
    window
                and (conversion.ts - impression.ts <= attribution window or the slate has a counted
                click)

A conversion with an `event_id` counts once per event_id (`streams.counting.feedback`).

Feedback that comes before its impression waits in the slate's row; so does a conversion that needs
a click. A slate's row lives for two attribution windows of stream time, one for the click to happen
and one for it to arrive, after the last event that it was made or kept for: slate, impression,
waiting feedback. With a counted click it lives for the conversion window and one attribution
window. What still waits then is an orphan. Stream time and the end of a row are in `forgetting`.

Not promised: duplicates that come later than the row lives are counted again; feedback after that
is an orphan.
"""

from collections import defaultdict
from collections.abc import Iterable

from streams.contract.segments import DEFAULT_SEGMENT
from streams.counting.chunk import CLICKS, Feedback, Refusal
from streams.counting.feedback import (
    TOO_MANY_EVENTS,
    count_feedback,
    judge,
    take_event,
    wait,
)
from streams.counting.outcomes import COUNTED_CLICK, DUPLICATE, LATE, UNKNOWN_ITEM, WAITED
from streams.counting.partition import Partition
from streams.counting.places import count_clicked
from streams.counting.rows import (
    CLICKED,
    CONVERTED,
    SEEN,
    WAITING_CLICK,
    WAITING_CONVERSION,
    Seen,
    SlateRow,
    items_of,
    rested,
)
from streams.counting.rules import Rules
from streams.counting.slate_log import (
    EXPIRY_STEPS,
    MAX_SLATE_ITEMS,
    OVERFULL,
    entry,
    extend,
    horizon,
    open_row,
    rounded,
)


def count_clicks(
    partition: Partition, events: Iterable[Feedback], rules: Rules, now_s: float
) -> list[Refusal]:
    """Count a run of clicks and conversions of one partition, in order; what cannot be judged yet
    waits. Returns what cannot be counted. `now_s` bounds stream time.
    """
    refusals: list[Refusal] = []
    lives_s = 2 * rules.attribution_window_s
    newest_s, until_s, step_s = 0.0, 0.0, rules.attribution_window_s / EXPIRY_STEPS
    horizon_s = horizon(partition)
    plain = rules.half_life_s is None
    window_s, counted_s = (
        rules.attribution_window_s,
        rules.conversion_window_s + rules.attribution_window_s,
    )
    delays, rows, counts = partition.delays, partition.dirty_slates, partition.dirty_counts
    clicks: defaultdict[str, int] = defaultdict(int)  # by segment
    for at, event in enumerate(events):
        ts = event.ts
        if ts > newest_s:
            newest_s = ts
        row = rows.get(event.slate_id) or open_row(
            partition, event.slate_id, max(ts, horizon_s) + lives_s, rules
        )
        items = items_of(row)
        item_id = event.item_id
        shown_s = items.get(item_id)
        if (
            plain
            and type(shown_s) is float
            and not event.conversion
            and ts - shown_s <= window_s
            and not row.waits
        ):
            # nearly every click: the first feedback on an impression that was seen; what is below
            # would do the same
            items[item_id] = Seen(SEEN | CLICKED, shown_s)
            # subtle: at once; items that stay open until the flush scatter what is short-lived over
            # all memory
            rested(row)
            row.clicked = True
            key = row.segment or DEFAULT_SEGMENT, item_id
            count = counts.get(key) or partition.count(key)
            count.clicks += 1.0
            count.value += event.value
            row.value += event.value
            if count is partition.uncounted:
                partition.note(CLICKS, UNKNOWN_ITEM, key[0])
            else:
                clicks[key[0]] += 1
                if rules.learn_places and row.offered:
                    count_clicked(partition, row, key[0], item_id)
                delays.append((ts - shown_s if ts > shown_s else 0.0, shown_s))
            expires_s = shown_s + counted_s
            # as `extend` does it; nearly all expiries of a chunk are rounded up to the same
            if expires_s > row.expires_s:
                if not until_s - step_s < expires_s <= until_s:
                    until_s = rounded(expires_s, rules)
                row.expires_s = until_s
            continue
        reason = _take(partition, row, event, rules, now_s)
        if reason is not None:
            refusals.append(Refusal(at, reason))
    for segment, number in clicks.items():
        partition.note(CLICKS, COUNTED_CLICK, segment, number)
    partition.stream_s[CLICKS] = max(partition.stream_s.get(CLICKS, 0.0), min(newest_s, now_s))
    return refusals


def _take(
    partition: Partition, row: SlateRow, event: Feedback, rules: Rules, now_s: float
) -> str | None:
    """Count feedback of any kind, or let it wait; the reason if neither can be."""
    items, item_id, ts, conversion = items_of(row), event.item_id, event.ts, event.conversion
    if len(items) >= MAX_SLATE_ITEMS and item_id not in items:
        return OVERFULL
    seen = entry(row, item_id)
    segment = seen.segment or row.segment or ""
    if event.event_id and conversion:
        taken = take_event(partition, row, item_id, seen, event, rules, now_s)
        return None if taken else TOO_MANY_EVENTS
    if seen.bits & (CONVERTED if conversion else CLICKED):
        partition.note(CLICKS, DUPLICATE, segment)
        return None
    verdict = judge(seen, row, conversion, ts, rules)
    if verdict == WAITED:
        waits = seen.bits & (WAITING_CONVERSION if conversion else WAITING_CLICK)
        partition.note(CLICKS, DUPLICATE if waits else WAITED, segment)
        wait(row, seen, conversion, ts, event.value)
        extend(row, max(ts, horizon(partition)) + 2 * rules.attribution_window_s, rules)
    elif verdict == LATE:
        partition.note(CLICKS, LATE, segment)
    else:
        count_feedback(partition, row, item_id, seen, conversion, ts, event.value, rules, now_s)
    return None
