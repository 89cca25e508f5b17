"""Ingest: bad records become dead letters, one each, and the events around them come through in
order.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import (
    MAX_QUOTED_BYTES,
    DeadLetter,
    decode_click,
    decode_dead_letter,
    encode,
)
from streams.counting.attribution import MAX_SLATE_ITEMS
from streams.counting.chunk import Chunk
from streams.counting.impressions import count_impressions
from streams.counting.ingest import Place, dead_letter, item_fault, open_chunk
from streams.counting.parse import feedback
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from tests.streams.making import (
    NOW_S,
    RULES,
    chunk_from,
    chunk_of,
    empty,
    impression,
    partition_on,
    record,
    seen_items,
)

MAX_BYTES = 1000
GOOD = encode(impression())


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def opened(partition: Partition, chunk: Chunk) -> list[tuple[str, str]]:
    """(slate_id, item_id) of each good impression."""
    return [
        (slate_id, item) for slate_id, item, _ in seen_items(open_chunk(partition, chunk, NOW_S))
    ]


def letters(partition: Partition) -> list[DeadLetter]:
    return [decode_dead_letter(rejected.value) for rejected in partition.rejected]


def test_good_events_come_in_order_and_nothing_is_rejected(partition: Partition) -> None:
    chunk = chunk_of(encode(impression(f"s{number}")) for number in range(5))
    assert opened(partition, chunk) == [(f"s{number}", "i") for number in range(5)]
    assert (partition.rejected, partition.outcome_counts) == ([], {})


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "expected a JSON object in UTF-8, found broken JSON"),
        (b'{"slate_id": "s"}', "Object missing required field `user_id`"),
        (
            GOOD.replace(b'"position":0', b'"position":"0"'),
            "field `position`: expected `int`, got `str`",
        ),
        (
            GOOD.replace(b'"position":0', b'"position":-2'),
            "field `position`: expected `int` >= 0, found -2",
        ),
        (None, "expected a JSON object, found no value"),
        (GOOD[:-1] + b" " * MAX_BYTES + b"}", "expected at most 1000 bytes, found 1"),
    ],
)
def test_one_bad_value_is_one_dead_letter_with_its_place_and_the_others_come_through(
    partition: Partition, value: bytes | None, reason: str
) -> None:
    events = opened(partition, chunk_of([GOOD, value, GOOD], start=40))
    assert len(events) == 2
    (letter,) = letters(partition)
    assert (letter.topic, letter.partition, letter.offset, letter.key, letter.ts) == (
        "impressions",
        0,
        41,
        "user",
        NOW_S,
    )
    assert letter.reason.startswith(reason)
    assert letter.value == ("" if value is None else value.decode())
    assert partition.outcome_counts == {("rejected", ""): 1}


@pytest.mark.parametrize("key", [None, b""])
def test_an_event_without_a_key_is_a_dead_letter(partition: Partition, key: bytes | None) -> None:
    assert opened(partition, chunk_of([GOOD], key=key)) == []
    (letter,) = letters(partition)
    assert letter.reason.startswith("expected the user's id as key, found none")
    assert partition.rejected[0].key == key


def test_an_event_that_is_refused_while_it_is_counted_is_a_dead_letter_with_its_own_place(
    partition: Partition,
) -> None:
    """Also where the chunk had bad values before it."""
    fill = [encode(impression("same", f"i{number}")) for number in range(MAX_SLATE_ITEMS)]
    chunk = chunk_of([b"{", *fill, encode(impression("same", "one too many")), GOOD], start=100)
    count_impressions(partition, open_chunk(partition, chunk, NOW_S), RULES, NOW_S)
    first, second = letters(partition)
    assert (first.offset, second.offset) == (100, 101 + MAX_SLATE_ITEMS)
    assert second.reason.startswith("expected at most 1000 items with one slate_id")
    assert "one too many" in second.value
    partition.add_shown()
    assert partition.outcome_counts["impression", "default"] == MAX_SLATE_ITEMS + 1
    assert partition.outcome_counts["rejected", ""] == 2


def test_a_dead_letter_stays_small_whatever_the_event_was() -> None:
    """Else the flush that holds it could never be written."""
    key, value = b"\xff" * 3_000_000, b"\x00" * 3_000_000
    rejected = dead_letter(Place("clicks", 3, 9), key, value, "too large", NOW_S)
    assert rejected.key is not None
    assert len(rejected.key) == MAX_QUOTED_BYTES
    assert len(rejected.value) + len(rejected.key) < 1_000_000
    letter = decode_dead_letter(rejected.value)
    assert letter.key == "\ufffd" * MAX_QUOTED_BYTES
    assert letter.value == "\0" * MAX_QUOTED_BYTES


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("ingest") / "disk")


@given(
    st.lists(
        st.tuples(
            st.sampled_from([GOOD, encode(impression("t", "j"))]) | st.binary(max_size=30),
            st.binary(max_size=3),
        )
    )
)
def test_every_record_is_an_event_or_a_dead_letter(
    shared: Disk, content: list[tuple[bytes, bytes]]
) -> None:
    partition = Partition(0, empty(shared), 10)
    records = [record(value, key, "clicks", 0, at) for at, (value, key) in enumerate(content)]
    events = open_chunk(partition, chunk_from(list(records), "clicks"), NOW_S)
    offsets = [letter.offset for letter in letters(partition)]
    assert len(events) + len(offsets) == len(records)
    assert offsets == sorted(set(offsets))
    good = [
        decode_click(value) for value, key in content if key and value.startswith(b'{"slate_id"')
    ]
    assert events == feedback(good, RULES)


def test_a_good_item_and_a_withdrawal_have_no_fault() -> None:
    assert item_fault(b"i", b'{"item_id":"i"}', MAX_BYTES) is None
    assert item_fault(b"i", None, MAX_BYTES) is None


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (None, b'{"item_id":"i"}', "expected the item's id as key, found none"),
        (b"other", b'{"item_id":"i"}', "expected the key to be the item's id 'i', found b'other'"),
        (
            b"i",
            b'{"item_id":"i","title":3}',
            "field `title`: expected `str | null`, got `int`, found 3",
        ),
        (b"i", b'{"item_id":"i"}' + b" " * MAX_BYTES, "expected at most 1000 bytes"),
    ],
)
def test_a_faulty_item_is_explained(key: bytes | None, value: bytes, reason: str) -> None:
    fault = item_fault(key, value, MAX_BYTES)
    assert fault is not None
    assert fault.startswith(reason)
