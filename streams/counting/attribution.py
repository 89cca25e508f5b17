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

Feedback that comes before its impression waits in the slate's row; so does a conversion that needs
a click. A slate's row lives for two attribution windows of stream time, one for the click to happen
and one for it to arrive, after the last event that it was made or kept for: slate, impression,
waiting feedback. With a counted click it lives for the conversion window and one attribution
window. What still waits then is an orphan. Stream time and the end of a row are in `forgetting`.

Not promised: duplicates that come later than the row lives are counted again; feedback after that
is an orphan.
"""

import math
from collections import defaultdict
from collections.abc import Iterable

from streams.contract.segments import DEFAULT_SEGMENT
from streams.counting.chunk import CLICKS, Feedback, Refusal
from streams.counting.decay import discount
from streams.counting.partition import Partition
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

# a slate has 100 at most; one slate_id for everything would make a row that no record can hold
MAX_SLATE_ITEMS = 1000
OVERFULL = (
    f"expected at most {MAX_SLATE_ITEMS} items with one slate_id, found more: is it unique per "
    "slate?"
)
# expiries are rounded up to this fraction of the window: fewer index entries, rows kept up to 1/8
# longer
EXPIRY_STEPS = 8

# Outcomes, counted per segment ("" where none is known): the names of the metrics.
COUNTED_CLICK, COUNTED_CONVERSION = "click", "conversion"
DUPLICATE, WAITED, LATE, ORPHAN, REJECTED, EXPIRED = (
    "duplicate",
    "waiting",
    "late",
    "orphan",
    "rejected",
    "expired",
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
    outcome_counts = partition.outcome_counts
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
            clicks[key[0]] += 1
            delays.append((ts - shown_s if ts > shown_s else 0.0, shown_s))
            expires_s = shown_s + counted_s
            # as `extend` does it; nearly all expiries of a chunk are rounded up to the same
            if expires_s > row.expires_s:
                if not until_s - step_s < expires_s <= until_s:
                    until_s = _rounded(expires_s, rules)
                row.expires_s = until_s
            continue
        if len(items) >= MAX_SLATE_ITEMS and item_id not in items:
            refusals.append(Refusal(at, OVERFULL))
            continue
        seen = entry(row, item_id)
        conversion = event.conversion
        segment = seen.segment or row.segment or ""
        if seen.bits & (CONVERTED if conversion else CLICKED):
            outcome_counts[DUPLICATE, segment] += 1
            continue
        verdict = _judge(seen, row, conversion, ts, rules)
        if verdict == WAITED:
            outcome_counts[
                DUPLICATE
                if seen.bits & (WAITING_CONVERSION if conversion else WAITING_CLICK)
                else WAITED,
                segment,
            ] += 1
            _wait(row, seen, conversion, ts, event.value)
            extend(row, max(ts, horizon_s) + lives_s, rules)
        elif verdict == LATE:
            outcome_counts[LATE, segment] += 1
        else:
            _count_feedback(
                partition, row, item_id, seen, conversion, ts, event.value, rules, now_s
            )
    for segment, number in clicks.items():
        outcome_counts[COUNTED_CLICK, segment] += number
    partition.stream_s[CLICKS] = max(partition.stream_s.get(CLICKS, 0.0), min(newest_s, now_s))
    return refusals


# ---- the parts


def horizon(partition: Partition) -> float:
    """The newest time seen: a row made by an older event lives from here on, not from
    its own time.
    """
    return max(partition.watermark_s, *partition.stream_s.values(), 0.0)


def entry(row: SlateRow, item_id: str) -> Seen:
    """What the slate's row knows of an item, in the form that can say more than the time of its
    impression.
    """
    items = items_of(row)
    seen = items.get(item_id)
    if not isinstance(seen, Seen):
        seen = items[item_id] = Seen() if seen is None else Seen(SEEN, seen)
    return seen


def open_row(partition: Partition, slate_id: str, expires_s: float, rules: Rules) -> SlateRow:
    """The row of a slate, marked as changed; a new one lives until `expires_s`."""
    row = partition.dirty_slates.get(slate_id)
    if row is not None:
        return row
    row = partition.slate(slate_id)
    if row is None:
        row = SlateRow(_rounded(expires_s, rules))
        partition.slates[slate_id] = row
    partition.dirty_slates[slate_id] = row
    return row


def extend(row: SlateRow, expires_s: float, rules: Rules) -> None:
    """Let a row live until `expires_s` at least."""
    if expires_s > row.expires_s:
        row.expires_s = _rounded(expires_s, rules)


def _rounded(expires_s: float, rules: Rules) -> float:
    step = rules.attribution_window_s / EXPIRY_STEPS
    return math.ceil(expires_s / step) * step


def _judge(seen: Seen, row: SlateRow, conversion: bool, ts: float, rules: Rules) -> str:
    if not seen.bits & SEEN:
        return WAITED
    age_s = ts - seen.seen_s
    if age_s <= rules.attribution_window_s:
        return COUNTED_CLICK
    if not conversion or age_s > rules.conversion_window_s:
        return LATE
    return COUNTED_CONVERSION if row.clicked else WAITED


def _wait(row: SlateRow, seen: Seen, conversion: bool, ts: float, value: float) -> None:
    """Keep the earliest: the one that counts if any does."""
    if conversion:
        if seen.waiting_conversion is None or ts < seen.waiting_conversion[0]:
            seen.waiting_conversion = (ts, value)
        seen.bits |= WAITING_CONVERSION
        row.waits = True
    else:
        if seen.waiting_click is None or ts < seen.waiting_click[0]:
            seen.waiting_click = (ts, value)
        seen.bits |= WAITING_CLICK


def settle(
    partition: Partition, row: SlateRow, item_id: str, seen: Seen, rules: Rules, now_s: float
) -> None:
    """Judge again what waits for this item; clicks first, since a conversion may need one."""
    for conversion, bit in ((False, WAITING_CLICK), (True, WAITING_CONVERSION)):
        waiting = seen.waiting_conversion if conversion else seen.waiting_click
        if waiting is None:
            continue
        ts, value = waiting
        verdict = _judge(seen, row, conversion, ts, rules)
        if verdict == WAITED:
            continue
        seen.bits &= ~bit
        if conversion:
            seen.waiting_conversion = None
        else:
            seen.waiting_click = None
        if verdict == LATE:
            partition.outcome_counts[LATE, seen.segment or row.segment or ""] += 1
        else:
            _count_feedback(partition, row, item_id, seen, conversion, ts, value, rules, now_s)


def _count_feedback(
    partition: Partition,
    row: SlateRow,
    item_id: str,
    seen: Seen,
    conversion: bool,
    ts: float,
    value: float,
    rules: Rules,
    now_s: float,
) -> None:
    segment = seen.segment or row.segment or DEFAULT_SEGMENT
    count = partition.count((segment, item_id))
    share = (
        discount(count, min(ts, now_s), rules.half_life_s) if rules.half_life_s is not None else 0.0
    )
    if conversion:
        # subtle: an earlier one may wait for a click still; it must not count beside this one when
        # the click comes
        seen.bits = (seen.bits | CONVERTED) & ~WAITING_CONVERSION
        seen.waiting_conversion = None
        count.conversions += 1.0
        count.fresh_conversions += share
    else:
        seen.bits |= CLICKED
        count.clicks += 1.0
        count.fresh_clicks += share
        partition.delays.append((max(0.0, ts - seen.seen_s), seen.seen_s))
    count.value += value
    count.fresh_value += share * value
    partition.outcome_counts[COUNTED_CONVERSION if conversion else COUNTED_CLICK, segment] += 1
    extend(row, seen.seen_s + rules.conversion_window_s + rules.attribution_window_s, rules)
    if not conversion and not row.clicked:
        row.clicked = True
        # conversions that needed a click
        for other_id, other in items_of(row).items() if row.waits else ():
            if isinstance(other, Seen) and other.bits & WAITING_CONVERSION:
                settle(partition, row, other_id, other, rules, now_s)
