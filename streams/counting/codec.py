"""Packing: what a fetcher fetched, as bytes for another process.

length of the head, u64 | head | for each chunk: events, refused       all msgpack
"""

import itertools
import struct
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from streams.counting.chunk import (
    CLICKS,
    IMPRESSIONS,
    SLATES,
    Chunk,
    Feedback,
    ImpressionRuns,
    Offered,
    Original,
    Refused,
    Sample,
)
from streams.counting.consumer import Consumed

_LENGTH = struct.Struct("<Q")
_pack = msgspec.msgpack.Encoder().encode
_unpack_events: Mapping[str, Any] = {
    IMPRESSIONS: msgspec.msgpack.Decoder(ImpressionRuns).decode,
    CLICKS: msgspec.msgpack.Decoder(list[Feedback]).decode,
    SLATES: msgspec.msgpack.Decoder(list[Offered]).decode,
}
_unpack_refused = msgspec.msgpack.Decoder(list[Refused]).decode


class Head(Struct, array_like=True):
    """What stands before the chunks; `chunks` with all but their last three fields, `sizes` of
    events and refused of each.
    """

    error: str = ""
    original: Original | None = None
    busy: bool = False
    reached: list[tuple[str, int, int]] = []
    ends: list[tuple[str, int, int]] = []
    chunks: list[tuple[str, str, int, int, int, int, int, Sample]] = []
    sizes: list[tuple[int, int]] = []


_unpack_head = msgspec.msgpack.Decoder(Head).decode


class ConsumerError(RuntimeError):
    """What a fetcher in another process failed at."""


def pack(answer: Consumed | Original | None, error: str = "") -> list[bytes]:
    """The parts, to be written one after the other."""
    if not isinstance(answer, Consumed):
        return _with_length(Head(error, answer))
    sections = [(_pack(chunk.events), _pack(chunk.refused)) for chunk in answer.chunks]
    head = Head(
        error,
        None,
        answer.busy,
        [(*place, at) for place, at in answer.reached.items()],
        [(*place, at) for place, at in answer.ends.items()],
        [chunk[:8] for chunk in answer.chunks],
        [(len(events), len(refused)) for events, refused in sections],
    )
    return [*_with_length(head), *itertools.chain.from_iterable(sections)]


def _with_length(head: Head) -> list[bytes]:
    data = _pack(head)
    return [_LENGTH.pack(len(data)), data]


def unpack(
    data: memoryview, original_of: Callable[[], Callable[[int], Original]]
) -> Consumed | Original:
    """What `pack` was given; `original_of` is called for each chunk in turn, for what finds its
    originals.

    Raises
    ------
    ConsumerError
        If an error was packed.
    """
    at = _LENGTH.size + _LENGTH.unpack_from(data)[0]
    head = _unpack_head(data[_LENGTH.size : at])
    if head.error:
        raise ConsumerError(head.error)
    if head.original is not None:
        return head.original
    chunks = []
    for fields, sizes in zip(head.chunks, head.sizes, strict=True):
        events, refused = data[at : at + sizes[0]], data[at + sizes[0] : at + sum(sizes)]
        at += sum(sizes)
        chunks.append(
            Chunk(
                *fields, _unpack_events[fields[0]](events), original_of(), _unpack_refused(refused)
            )
        )
    return Consumed(chunks, _by_place(head.reached), _by_place(head.ends), head.busy)


def _by_place(rows: list[tuple[str, int, int]]) -> dict[tuple[str, int], int]:
    return {(topic, number): at for topic, number, at in rows}
