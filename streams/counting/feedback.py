"""Feedback: whether a click or a conversion counts, waits or is late, and what it adds. The rules
are those of `streams.counting.attribution`.

A conversion that brings an `event_id` counts once per event_id: `conversions` counts the first of
its item of its slate, `value` sums all (three units, a refund with a negative value).
"""

import hashlib

from streams.contract.segments import DEFAULT_SEGMENT
from streams.counting.chunk import CLICKS, Feedback
from streams.counting.decay import discount
from streams.counting.outcomes import (
    COUNTED_CLICK,
    COUNTED_CONVERSION,
    DUPLICATE,
    LATE,
    SETTLED,
    UNKNOWN_ITEM,
    WAITED,
)
from streams.counting.partition import Partition
from streams.counting.places import count_clicked
from streams.counting.rows import (
    CLICKED,
    CONVERTED,
    SEEN,
    WAITING_CLICK,
    WAITING_CONVERSION,
    WAITING_EVENTS,
    Seen,
    SlateRow,
    items_of,
)
from streams.counting.rules import Rules
from streams.counting.slate_log import extend, horizon

MAX_EVENTS = 64  # event_ids of one item of one slate
TOO_MANY_EVENTS = (
    f"expected at most {MAX_EVENTS} event_ids of one item of one slate, found more: is slate_id "
    "unique per slate?"
)


def judge(seen: Seen, row: SlateRow, conversion: bool, ts: float, rules: Rules) -> str:
    """COUNTED_..., WAITED or LATE."""
    if not seen.bits & SEEN:
        return WAITED
    age_s = ts - seen.seen_s
    if age_s <= rules.attribution_window_s:
        return COUNTED_CLICK
    if not conversion or age_s > rules.conversion_window_s:
        return LATE
    return COUNTED_CONVERSION if row.clicked else WAITED


def wait(row: SlateRow, seen: Seen, conversion: bool, ts: float, value: float) -> None:
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


def take_event(
    partition: Partition,
    row: SlateRow,
    item_id: str,
    seen: Seen,
    event: Feedback,
    rules: Rules,
    now_s: float,
) -> bool:
    """Take a conversion that brings an event_id; False if its item has too many of them."""
    name = hashlib.blake2b(event.event_id.encode(), digest_size=8).digest()
    segment = seen.segment or row.segment or ""
    waiting = seen.waiting_events or []
    if name in (seen.events or ()) or any(name == each[2] for each in waiting):
        partition.note(CLICKS, DUPLICATE, segment)
        return True
    if len(seen.events or ()) + len(waiting) >= MAX_EVENTS:
        return False
    verdict = judge(seen, row, True, event.ts, rules)
    if verdict == WAITED:
        partition.note(CLICKS, WAITED, segment)
        seen.waiting_events = [*waiting, (event.ts, event.value, name)]
        seen.bits |= WAITING_EVENTS
        row.waits = True
        lives_s = 2 * rules.attribution_window_s
        extend(row, max(event.ts, horizon(partition)) + lives_s, rules)
    elif verdict == LATE:
        partition.note(CLICKS, LATE, segment)
    else:
        _count_event(partition, row, item_id, seen, event.ts, event.value, name, rules, now_s)
    return True


def _count_event(
    partition: Partition,
    row: SlateRow,
    item_id: str,
    seen: Seen,
    ts: float,
    value: float,
    name: bytes,
    rules: Rules,
    now_s: float,
) -> None:
    """Count a conversion by its event_id: the item's first as one, each with its value."""
    seen.events = [*(seen.events or ()), name]
    if not seen.bits & CONVERTED:
        count_feedback(partition, row, item_id, seen, True, ts, value, rules, now_s)
        return
    segment = seen.segment or row.segment or DEFAULT_SEGMENT
    count = partition.count((segment, item_id))
    count.value += value
    row.value += value
    if rules.half_life_s is not None:
        count.fresh_value += value * discount(count, min(ts, now_s), rules.half_life_s)
    outcome = UNKNOWN_ITEM if count is partition.uncounted else COUNTED_CONVERSION
    partition.note(CLICKS, outcome, segment)
    extend(row, seen.seen_s + rules.conversion_window_s + rules.attribution_window_s, rules)


def _settle_events(
    partition: Partition, row: SlateRow, item_id: str, seen: Seen, rules: Rules, now_s: float
) -> None:
    """Judge again the conversions with event_ids that wait for this item."""
    waiting, seen.waiting_events = seen.waiting_events or [], None
    seen.bits &= ~WAITING_EVENTS
    left = []
    for ts, value, name in sorted(waiting):
        verdict = judge(seen, row, True, ts, rules)
        if verdict == WAITED:
            left.append((ts, value, name))
            continue
        partition.funnel[CLICKS, SETTLED] += 1
        if verdict == LATE:
            partition.note(CLICKS, LATE, seen.segment or row.segment or "")
        else:
            _count_event(partition, row, item_id, seen, ts, value, name, rules, now_s)
    if left:
        seen.waiting_events = left
        seen.bits |= WAITING_EVENTS


def settle(
    partition: Partition, row: SlateRow, item_id: str, seen: Seen, rules: Rules, now_s: float
) -> None:
    """Judge again what waits for this item; clicks first, since a conversion may need one."""
    for conversion, bit in ((False, WAITING_CLICK), (True, WAITING_CONVERSION)):
        waiting = seen.waiting_conversion if conversion else seen.waiting_click
        if waiting is None:
            continue
        ts, value = waiting
        verdict = judge(seen, row, conversion, ts, rules)
        if verdict == WAITED:
            continue
        seen.bits &= ~bit
        partition.funnel[CLICKS, SETTLED] += 1
        if conversion:
            seen.waiting_conversion = None
        else:
            seen.waiting_click = None
        if verdict == LATE:
            partition.note(CLICKS, LATE, seen.segment or row.segment or "")
        else:
            count_feedback(partition, row, item_id, seen, conversion, ts, value, rules, now_s)
    if seen.bits & WAITING_EVENTS:
        _settle_events(partition, row, item_id, seen, rules, now_s)


def count_feedback(
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
    """Add a click or a conversion to its counts, and judge again what waited for it."""
    segment = seen.segment or row.segment or DEFAULT_SEGMENT
    count = partition.count((segment, item_id))
    share = (
        discount(count, min(ts, now_s), rules.half_life_s) if rules.half_life_s is not None else 0.0
    )
    if conversion:
        # subtle: an earlier one may wait for a click still; it must not count beside this one when
        # the click comes
        partition.funnel[CLICKS, SETTLED] += bool(seen.bits & WAITING_CONVERSION)
        seen.bits = (seen.bits | CONVERTED) & ~WAITING_CONVERSION
        seen.waiting_conversion = None
        count.conversions += 1.0
        count.fresh_conversions += share
    else:
        seen.bits |= CLICKED
        count.clicks += 1.0
        count.fresh_clicks += share
        if count is not partition.uncounted:
            if rules.learn_places:
                count_clicked(partition, row, segment, item_id)
            partition.delays.append((max(0.0, ts - seen.seen_s), seen.seen_s))
    count.value += value
    row.value += value
    count.fresh_value += share * value
    outcome = COUNTED_CONVERSION if conversion else COUNTED_CLICK
    if count is partition.uncounted:
        outcome = UNKNOWN_ITEM
    partition.note(CLICKS, outcome, segment)
    extend(row, seen.seen_s + rules.conversion_window_s + rules.attribution_window_s, rules)
    if not conversion and not row.clicked:
        row.clicked = True
        # conversions that needed a click
        for other_id, other in items_of(row).items() if row.waits else ():
            if isinstance(other, Seen) and other.bits & (WAITING_CONVERSION | WAITING_EVENTS):
                settle(partition, row, other_id, other, rules, now_s)
