"""The funnel: what became of every event, by topic, exact across a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.count_rows import RowError
from streams.contract.funnel_rows import FUNNEL_KEY, decode_funnel, encode_funnel, summed
from streams.counting.chunk import CLICKS, IMPRESSIONS, SLATES
from streams.counting.expiry import expire
from streams.counting.ingest import count_chunk
from streams.counting.partition import Partition
from streams.counting.rocksdb import Disk
from streams.counting.rows import Seen, decode_slate, items_of
from tests.streams.counting.test_fuzz import event_of
from tests.streams.making import NOW_S, RULES, START_S, chunk_of, empty, flush

DECIDED = ("click", "conversion", "duplicate", "late", "rejected", "orphan", "unknown_item")
runs = st.sampled_from([IMPRESSIONS, CLICKS, CLICKS, SLATES]).flatmap(
    lambda source: st.tuples(st.just(source), st.lists(event_of(source), max_size=6))
)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Disk:
    return Disk(tmp_path_factory.mktemp("funnel") / "disk")


def waiting(partition: Partition) -> tuple[int, int]:
    """Feedback and impressions of whole slates that wait, by a look at every row on the disk."""
    clicks = wholes = 0
    for key, value in partition.disk._db.items():
        if key[:1] == b"S":
            row = decode_slate(value)
            seen = [each for each in items_of(row).values() if isinstance(each, Seen)]
            clicks += sum(each.waiting() for each in seen)
            wholes += row.whole is not None
    return clicks, wholes


def now_waiting(partition: Partition, source: str) -> int:
    funnel = partition.funnel
    gone = funnel[source, "settled"] + funnel[source, "orphan"]
    return funnel[source, "waiting"] - gone


@settings(max_examples=150)
@given(st.lists(runs, max_size=8), st.booleans())
def test_every_click_is_decided_or_waits(
    shared: Disk, read: list[tuple[str, list[bytes]]], end: bool
) -> None:
    """clicks read = decided + waiting now; and waiting now is what the rows hold."""
    partition, clicks = Partition(0, empty(shared), 10), 0
    for source, values in read:
        chunk = chunk_of(values, source, start=partition.offsets.get(source, 0))
        count_chunk(partition, chunk, RULES, NOW_S)
        clicks += len(values) if source == CLICKS else 0
        flush(partition)
    if end:
        expire(partition, NOW_S + 1e6, 1000)
        flush(partition)
    decided = sum(partition.funnel[CLICKS, outcome] for outcome in DECIDED)
    # an earlier click of a kind that waits takes the place of a later one and is a duplicate
    assert decided + now_waiting(partition, CLICKS) == clicks
    assert (now_waiting(partition, CLICKS), now_waiting(partition, IMPRESSIONS)) == waiting(
        partition
    )
    again = Partition(0, partition.disk, 10)
    assert +again.funnel == +partition.funnel  # without zeros


def test_the_funnel_goes_on_after_a_restart(tmp_path: Path) -> None:
    disk = Disk(tmp_path / "disk")
    click = b'{"slate_id":"%b","user_id":"u","item_id":"i","ts":%d}'
    for life in range(2):
        partition = Partition(0, disk, 10)
        values = [click % (b"s%d" % life, START_S), b"{", click % (b"s%d" % life, START_S)]
        count_chunk(partition, chunk_of(values, CLICKS), RULES, NOW_S)
        flush(partition)
    stored = disk.get(FUNNEL_KEY)
    assert stored is not None
    assert decode_funnel(stored) == {CLICKS: {"waiting": 2, "duplicate": 2, "rejected": 2}}


def test_funnels_of_partitions_add_up() -> None:
    rows = [encode_funnel({(CLICKS, "click"): 2}), encode_funnel({(CLICKS, "click"): 3})]
    more = encode_funnel({(IMPRESSIONS, "impression"): 1})
    assert summed(map(decode_funnel, [*rows, more])) == {
        CLICKS: {"click": 5},
        IMPRESSIONS: {"impression": 1},
    }


@pytest.mark.parametrize("value", [b"", b"\x02\x80", b"\x01\xc1", b"\x01\x91\x01"])
def test_a_row_of_another_version_is_refused(value: bytes) -> None:
    with pytest.raises(RowError, match="funnel row"):
        decode_funnel(value)
