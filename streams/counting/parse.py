"""Parsing: records to the events of a chunk. What cannot be used is set apart with the reason, and
the rest goes on.
"""

import contextlib
import functools
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Message

from streams.contract.events import (
    CLICK,
    Click,
    Decode,
    EventError,
    Impression,
    OfferedItem,
    OfferedSlate,
    SeenItem,
    check_shape,
    check_size,
    check_time,
    decode_click,
    decode_impression,
    decode_offered_slate,
    seconds,
)
from streams.contract.outcome_rows import user_group
from streams.contract.segments import context_segment
from streams.counting.chunk import (
    CLICKS,
    IMPRESSIONS,
    LIST,
    ONE_BY_ONE,
    SLATES,
    WHOLE,
    Feedback,
    ImpressionRun,
    ImpressionRuns,
    Offered,
    Original,
    Refused,
)
from streams.counting.rows import pack_offered, pack_seen_items
from streams.counting.rules import Rules

NO_KEY = (
    "expected the user's id as key, found none: without it one user's events do not share a "
    "partition"
)


Arrange = Callable[[Iterable[Any], Rules], Any]


class Parsed(NamedTuple):
    """What `Chunk` holds under the same names."""

    events: Any
    original: Callable[[int], Original]
    refused: Sequence[Refused]


def parse(source: str, records: list[Any], max_bytes: int, rules: Rules) -> Parsed:
    """The events of records of one partition, in order.

    Records without a bad one among them, which is nearly all, are decoded without a Python call for
    each, and each event is arranged before the next one is decoded: it takes the place in memory
    that the last one has left.
    """
    decode, arrange = _KINDS[source]
    with contextlib.suppress(*decode.NOT_GOOD):
        values: list[Any] = list(map(Message.value, records))
        if all(map(Message.key, records)) and max(map(len, values), default=0) <= max_bytes:
            return Parsed(
                arrange(map(decode.quick, values), rules), functools.partial(_original, records), []
            )
    good, events, refused = _judged(records, decode, arrange, max_bytes, rules)
    return Parsed(arrange(events, rules), functools.partial(_original, good), refused)


def _original(records: list[Any], at: int) -> Original:
    record = records[at]
    return Original(record.offset(), record.key(), record.value())


def _judged(
    records: list[Any], decode: Decode[Any], arrange: Arrange, max_bytes: int, rules: Rules
) -> tuple[list[Any], list[Any], list[Refused]]:
    """Record by record: the good ones, their events, and the others."""
    good, events, refused = [], [], []
    for record in records:
        value = record.value()
        try:
            check_size(value, max_bytes)
            if not record.key():
                raise EventError(NO_KEY)
            event = decode(value)
            arrange([event], rules)  # for what its type does not know of it
            events.append(event)
            good.append(record)
        except EventError as error:
            refused.append(Refused(_original([record], 0), str(error)))
    return good, events, refused


class _Run(NamedTuple):
    """A run that is being made."""

    slate_id: str
    segment: str | None
    made: str
    seen_items: dict[str, float]
    shape: int
    first: int
    newest_s: float  # of a whole slate, which has no items


def shown(impressions: Iterable[Impression], rules: Rules) -> ImpressionRuns:
    """Runs of impressions of one slate and one segment, in order, and what they add up to.

    Raises
    ------
    EventError
        For an impression of no shape, a context that makes no segment, and a time ahead of the
        clock.
    """
    segment_fields, plain = rules.segment_fields, rules.plain
    begun: list[_Run] = []
    slate_id, segment, made, seen_items = "", None, "", dict[str, float]()
    positions: list[int] = []
    for at, event in enumerate(impressions):
        item_id, ts = event.item_id, event.ts
        time_s = ts if type(ts) is float else seconds(ts)
        if item_id is None or event.position is None or event.items is not None:
            check_shape(event)
            begun.append(_of_many(event, at, time_s, rules, positions))
            slate_id = ""  # the next event begins a run
            continue
        if (
            event.slate_id != slate_id
            or event.segment != segment
            or item_id in seen_items
            or (segment is None and context_segment(event.context, segment_fields) != made)
        ):
            slate_id, segment, seen_items = event.slate_id, event.segment, {}
            made = "" if segment is not None else context_segment(event.context, segment_fields)
            begun.append(_Run(slate_id, segment, made, seen_items, ONE_BY_ONE, at, 0.0))
        seen_items[item_id] = time_s
        if not plain:
            positions.append(event.position)
    found = [
        ImpressionRun(
            run.slate_id,
            run.segment,
            run.made,
            len(run.seen_items),
            max(run.seen_items.values(), default=run.newest_s),
            pack_seen_items(run.seen_items),
            run.shape,
            run.first,
        )
        for run in begun
    ]
    check_time(max((run.newest_s for run in found), default=0.0), _latest_s(rules))
    totals = _totals((run.segment, run.seen_items) for run in begun) if plain else {}
    return ImpressionRuns(found, totals, positions)


def _of_many(event: Impression, at: int, time_s: float, rules: Rules, positions: list[int]) -> _Run:
    """The run of an event that says more than one item: a list, or the whole slate. An item that
    stands twice in a list was seen where it stands first.
    """
    made = "" if event.segment is not None else context_segment(event.context, rules.segment_fields)
    if event.items is None:
        return _Run(event.slate_id, event.segment, made, {}, WHOLE, at, time_s)
    seen_items: dict[str, float] = {}
    for place, each in enumerate(event.items):
        position = place
        if isinstance(each, SeenItem):
            position, each = place if each.position is None else each.position, each.item_id
        if each not in seen_items:
            seen_items[each] = time_s
            if not rules.plain:
                positions.append(position)
    return _Run(event.slate_id, event.segment, made, seen_items, LIST, at, time_s)


def _totals(seen_items: Iterable[tuple[str | None, Iterable[str]]]) -> dict[str, dict[str, int]]:
    """How often each item was shown, by the segments that are named."""
    by_segment: defaultdict[str | None, list[str]] = defaultdict(list)
    for segment, items in seen_items:
        by_segment[segment] += items
    return {
        segment: dict(Counter(items))
        for segment, items in by_segment.items()
        if segment is not None
    }


def feedback(clicks: Iterable[Click], rules: Rules) -> list[Feedback]:
    """Clicks and conversions as they are counted."""
    found = [
        Feedback(
            each.slate_id,
            each.user_id,
            each.item_id,
            seconds(each.ts),
            each.value or 0.0,
            each.kind != CLICK,
            each.event_id or "",
        )
        for each in clicks
    ]
    check_time(max((each.ts for each in found), default=0.0), _latest_s(rules))
    return found


def offered(slates: Iterable[OfferedSlate], rules: Rules) -> list[Offered]:
    """Slates that this project made, as they are noted."""
    found = [
        Offered(
            each.slate_id,
            each.segment,
            each.variant,
            each.policy_version,
            seconds(each.ts),
            pack_offered((item.item_id, item.position, item.propensity) for item in each.items),
            user_group(each.user_id or each.slate_id),
            _share(each),
            *_exploration(each.items, rules.examination),
        )
        for each in slates
    ]
    check_time(max((each.ts for each in found), default=0.0), _latest_s(rules))
    return found


def _share(slate: OfferedSlate) -> float | None:
    """Probability that its user got its variant: 1 where slates do not say, since there is one."""
    if not slate.items:
        return None
    said = slate.items[0].why.variant_share
    return 1.0 if said is None else said


def _exploration(
    items: Sequence[OfferedItem], examination: Sequence[float]
) -> tuple[int, int, float]:
    """Places of which the posterior-mean slate is known, how many explore, clicks given up:
    sum_j e_j (best_j - mean_j), e_j the examination of the place. A place explores whose item the
    posterior-mean slate would not show.
    """
    known = [each for each in items if each.why.best is not None]
    least = min((each.why.best or 0.0 for each in known), default=0.0)
    given_up = sum(
        examination[min(each.position, len(examination) - 1)]
        * ((each.why.best or 0.0) - each.why.mean)
        for each in known
    )
    return len(known), sum(each.why.mean < least for each in known), given_up


def _latest_s(rules: Rules) -> float:
    return time.time() + rules.max_ahead_s


_KINDS: dict[str, tuple[Decode[Any], Arrange]] = {
    IMPRESSIONS: (decode_impression, shown),
    CLICKS: (decode_click, feedback),
    SLATES: (decode_offered_slate, offered),
}
