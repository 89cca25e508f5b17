"""Funnel rows of the counts changelog: what became of the events of one partition, since it has
counts.

    key    b"F"                           of each partition
    value  version u8 = 1 | msgpack {topic: {outcome: events}}        topic without its prefix

They are written in the flush that makes the counts durable, so they are as exact as those. The
outcomes are those of the metric `slatestream_events_total`, and

    slate     of `slates`: noted, to be joined with its impressions
    settled   waited, and was decided since: counted or late
    waiting   events that had to wait, since the beginning; now wait  waiting - settled - orphan
"""

from collections.abc import Iterable, Mapping

import msgspec

from streams.contract.count_rows import RowError, unreadable

VERSION = 1
FUNNEL_KEY = b"F"

Funnel = dict[str, dict[str, int]]  # topic -> outcome -> events

_pack = msgspec.msgpack.Encoder(order="deterministic").encode
_unpack = msgspec.msgpack.Decoder(Funnel).decode


def encode_funnel(events: Mapping[tuple[str, str], int]) -> bytes:
    """Value of a funnel row; `events` by topic and outcome."""
    funnel: Funnel = {}
    for (topic, outcome), number in events.items():
        funnel.setdefault(topic, {})[outcome] = number
    return bytes([VERSION]) + _pack(funnel)


def decode_funnel(value: bytes) -> Funnel:
    """A funnel row."""
    if value[:1] != bytes([VERSION]):
        raise RowError(unreadable("a funnel row", value))
    try:
        return _unpack(memoryview(value)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RowError(unreadable("a funnel row", value)) from None


def summed(funnels: Iterable[Funnel]) -> Funnel:
    """The sum over partitions."""
    sums: Funnel = {}
    for funnel in funnels:
        for topic, outcomes in funnel.items():
            own = sums.setdefault(topic, {})
            for outcome, number in outcomes.items():
                own[outcome] = own.get(outcome, 0) + number
    return sums
