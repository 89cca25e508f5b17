"""Packing: what another process unpacks is what was packed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.counting.chunk import (
    CLICKS,
    IMPRESSIONS,
    SLATES,
    Chunk,
    Feedback,
    ImpressionRun,
    ImpressionRuns,
    Offered,
    Original,
    Refused,
    Sample,
)
from streams.counting.codec import ConsumerError, pack, unpack
from streams.counting.consumer import Consumed

floats = st.floats(allow_nan=False)
counts = st.integers(0, 2**62)
runs = st.builds(
    ImpressionRun,
    st.text(),
    st.none() | st.text(),
    st.text(),
    counts,
    floats,
    st.binary(),
    st.integers(0, 2),
    counts,
)
totals = st.dictionaries(st.text(), st.dictionaries(st.text(), counts))
shows = st.builds(ImpressionRuns, st.lists(runs), totals, st.lists(counts))
clicks = st.builds(Feedback, st.text(), st.text(), st.text(), floats, floats, st.booleans())
slates = st.builds(
    Offered,
    *[st.text()] * 4,
    floats,
    st.binary(),
    counts,
    st.none() | floats,
    counts,
    counts,
    floats,
)
originals = st.builds(
    Original, st.integers(0, 2**62), st.none() | st.binary(), st.none() | st.binary()
)
refused = st.lists(st.builds(Refused, originals, st.text()))
numbers = st.integers(0, 2**62)
places = st.dictionaries(st.tuples(st.text(), st.integers(0, 1000)), st.integers(-1001, 2**62))


def nothing(at: int) -> Original:
    raise AssertionError(at)


def chunks(source: str, events: st.SearchStrategy[Any]) -> st.SearchStrategy[Chunk]:
    samples = st.builds(Sample, *[st.integers(0, 2**31)] * 4)
    heads = st.tuples(st.just(source), st.text(), *[numbers] * 5, samples)
    return st.builds(lambda head, own, bad: Chunk(*head, own, nothing, bad), heads, events, refused)


@given(
    st.lists(
        chunks(IMPRESSIONS, shows)
        | chunks(CLICKS, st.lists(clicks))
        | chunks(SLATES, st.lists(slates)),
        max_size=4,
    ),
    places,
    places,
    st.booleans(),
)
def test_what_was_fetched_comes_back(
    found: list[Chunk],
    reached: dict[tuple[str, int], int],
    ends: dict[tuple[str, int], int],
    busy: bool,
) -> None:
    consumed = Consumed(found, reached, ends, busy)
    assert unpack(memoryview(b"".join(pack(consumed))), lambda: nothing) == consumed


@given(originals)
def test_so_does_a_record(original: Original) -> None:
    assert unpack(memoryview(b"".join(pack(original))), lambda: nothing) == original


def test_a_call_that_gives_nothing_and_one_that_fails() -> None:
    assert unpack(memoryview(b"".join(pack(None))), lambda: nothing) == Consumed([], {}, {}, False)
    with pytest.raises(ConsumerError, match="Broken: it is"):
        unpack(memoryview(b"".join(pack(None, "Broken: it is"))), lambda: nothing)
