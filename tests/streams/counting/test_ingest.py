"""Ingest: bad records become dead letters, one each, and the events around them come through in
order.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.dead_letters import Place, dead_letter
from streams.contract.events import (
    MAX_QUOTED_BYTES,
    DeadLetter,
    EventError,
    decode_dead_letter,
    encode,
)
from streams.contract.items import read_item
from streams.counting import ingest as ingest_module
from streams.counting.chunk import Chunk
from streams.counting.ingest import count_chunk, counting_chunk
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from streams.counting.slate_log import MAX_SLATE_ITEMS
from tests.streams.making import (
    NOW_S,
    RULES,
    chunk_from,
    chunk_of,
    click,
    empty,
    impression,
    partition_on,
    record,
    seen_items,
    totals,
)

MAX_BYTES = 1000
GOOD = encode(impression())


@pytest.fixture
def partition(tmp_path: Path) -> Partition:
    return partition_on(tmp_path)


def counted(partition: Partition, chunk: Chunk) -> list[tuple[str, str]]:
    """(slate_id, item_id) of each good impression, after all of the chunk is counted."""
    count_chunk(partition, chunk, RULES, NOW_S)
    return [(slate_id, item) for slate_id, item, _ in seen_items(chunk.events)]


def letters(partition: Partition) -> list[DeadLetter]:
    return [decode_dead_letter(rejected.value) for rejected in partition.rejected]


def test_good_events_come_in_order_and_nothing_is_rejected(partition: Partition) -> None:
    chunk = chunk_of(encode(impression(f"s{number}")) for number in range(5))
    assert counted(partition, chunk) == [(f"s{number}", "i") for number in range(5)]
    assert (partition.rejected, partition.outcome_counts) == ([], {})
    assert totals(partition) == {("default", "i"): (5, 0, 0, 0)}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "expected a JSON object in UTF-8, found broken JSON"),
        (b'{"slate_id": "s"}', "Object missing required field `user_id`"),
        (
            GOOD.replace(b'"position":0', b'"position":"0"'),
            "field `position`: expected `int | null`, got `str`",
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
    good = [GOOD, encode(impression("t"))]
    assert counted(partition, chunk_of([good[0], value, good[1]], start=40)) == [
        ("s", "i"),
        ("t", "i"),
    ]
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
    assert counted(partition, chunk_of([GOOD], key=key)) == []
    (letter,) = letters(partition)
    assert letter.reason.startswith("expected the user's id as key, found none")
    assert partition.rejected[0].key == key


def test_an_event_that_is_refused_while_it_is_counted_is_a_dead_letter_with_its_own_place(
    partition: Partition,
) -> None:
    """Also where the chunk had bad values before it."""
    fill = [encode(impression("same", f"i{number}")) for number in range(MAX_SLATE_ITEMS)]
    chunk = chunk_of([b"{", *fill, encode(impression("same", "one too many")), GOOD], start=100)
    count_chunk(partition, chunk, RULES, NOW_S)
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


@pytest.mark.parametrize("source", ["impressions", "clicks"])
def test_a_chunk_in_slices_is_the_chunk_and_its_refusals_keep_their_places(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    found = []
    make = {"impressions": impression, "clicks": click}[source]
    fill = [encode(make("same", f"i{number}")) for number in range(MAX_SLATE_ITEMS)]
    values = [*fill, encode(make("same", "too many")), b"{", GOOD, encode(make("t"))]
    for name, at_once in (("whole", 10**6), ("sliced", 7)):
        monkeypatch.setattr(ingest_module, "AT_ONCE", at_once)
        partition = partition_on(tmp_path / name)
        chunk = chunk_of(values, source, start=100)
        turns = sum(1 for _ in counting_chunk(partition, chunk, RULES, NOW_S))
        assert turns == 1 or name == "sliced"
        refused = sorted(each.offset for each in letters(partition))
        found.append((refused, totals(partition)))
    assert found[0] == found[1]
    assert found[0][0] == [100 + MAX_SLATE_ITEMS, 101 + MAX_SLATE_ITEMS]


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
    chunk = chunk_from(list(records), "clicks")
    count_chunk(partition, chunk, RULES, NOW_S)
    offsets = [letter.offset for letter in letters(partition)]
    assert len(chunk.events) + len(offsets) == len(records)
    assert offsets == sorted(set(offsets))


def test_a_good_item_and_a_withdrawal_are_read() -> None:
    name, item = read_item(b"i", b'{"item_id":"i"}', MAX_BYTES)
    assert item is not None
    assert name == item.item_id == "i"
    assert read_item(b"i", None, MAX_BYTES) == ("i", None)


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
    with pytest.raises(EventError) as fault:
        read_item(key, value, MAX_BYTES)
    assert str(fault.value).startswith(reason)
