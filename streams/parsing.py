"""Parsing: records to the events of a chunk. What cannot be used is set apart with the reason, and the rest goes on."""

import functools
import itertools
import operator
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Message

from .chunk import CLICKS, IMPRESSIONS, REQUESTS, Feedback, Original, Refused, Shown
from .events import (
    CLICK,
    Click,
    Decode,
    EventError,
    Impression,
    check_size,
    decode_click,
    decode_impression,
    decode_slate_request,
    seconds,
)
from .segments import context_segment

NO_KEY = "expected the user's id as key, found none: without it one user's events do not share a partition"

Arrange = Callable[[Sequence[Any], Sequence[str]], Sequence[Any]]  # events as they are decoded, context fields that make a segment


class Parsed(NamedTuple):
    """What `Chunk` holds under the same names."""

    events: Sequence[Any]
    original: Callable[[int], Original]
    refused: Sequence[Refused]


def parse(source: str, records: list[Any], max_bytes: int, segment_fields: Sequence[str]) -> Parsed:
    """The events of records of one partition, in order.

    Records without a bad one among them, which is nearly all, are decoded without a Python call for each.
    """
    decode, arrange = _KINDS[source]
    good, refused = records, list[Refused]()
    try:
        events = _quick(records, decode, max_bytes)
    except decode.NOT_GOOD:
        events = None
    if events is None:
        good, events, refused = _judged(records, decode, max_bytes)
    return Parsed(arrange(events, segment_fields), functools.partial(_original, good), refused)


def _original(records: list[Any], at: int) -> Original:
    record = records[at]
    return Original(record.offset(), record.key(), record.value())


def _quick(records: list[Any], decode: Decode[Any], max_bytes: int) -> list[Any] | None:
    values: list[Any] = list(map(Message.value, records))
    if not all(map(Message.key, records)) or max(map(len, values), default=0) > max_bytes:
        return None
    return list(map(decode.quick, values))


def _judged(records: list[Any], decode: Decode[Any], max_bytes: int) -> tuple[list[Any], list[Any], list[Refused]]:
    """Record by record: the good ones, their events, and the others."""
    good, events, refused = [], [], []
    for record in records:
        value = record.value()
        try:
            check_size(value, max_bytes)
            if not record.key():
                raise EventError(NO_KEY)
            events.append(decode(value))
            good.append(record)
        except EventError as error:
            refused.append(Refused(_original([record], 0), str(error)))
    return good, events, refused


def shown(impressions: Sequence[Impression], segment_fields: Sequence[str]) -> list[Shown]:
    """Runs of impressions of one slate and one segment, in order."""
    slates = [each.slate_id for each in impressions]
    segments = [each.segment for each in impressions]
    items = [each.item_id for each in impressions]
    positions = [each.position for each in impressions]
    times: list[Any] = [each.ts for each in impressions]
    if set(map(type, times)) != {float}:
        times = list(map(seconds, times))
    made = None
    if None in segments:
        made = ["" if each.segment is not None else context_segment(each.context, segment_fields) for each in impressions]
    columns = (slates, segments, made) if made else (slates, segments)
    return [
        Shown(slates[begin], segments[begin], made[begin] if made else "", items[begin:end], times[begin:end], positions[begin:end])
        for begin, end in runs(*columns)
    ]


def runs(*columns: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """Where runs of rows begin and end that are equal in all columns, found without a Python call for each row."""
    changes = {0, len(columns[0])}
    for column in columns:
        changes.update(itertools.compress(itertools.count(1), map(operator.ne, column, column[1:])))
    return itertools.pairwise(sorted(changes))


def feedback(clicks: Sequence[Click], _segment_fields: Sequence[str] = ()) -> list[Feedback]:
    """Clicks and conversions as they are counted."""
    return [Feedback(each.slate_id, each.user_id, each.item_id, seconds(each.ts), each.value, each.kind != CLICK) for each in clicks]


def _as_they_are(requests: Sequence[Any], _segment_fields: Sequence[str]) -> Sequence[Any]:
    return requests


_KINDS: dict[str, tuple[Decode[Any], Arrange]] = {
    IMPRESSIONS: (decode_impression, shown),
    CLICKS: (decode_click, feedback),
    REQUESTS: (decode_slate_request, _as_they_are),
}
