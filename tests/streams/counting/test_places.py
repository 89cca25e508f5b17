"""Places: once per impression and click, whatever comes first, and across flushes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path

import pytest

from streams.contract.place_rows import PLACES_PREFIX, decode_place_key, decode_places
from streams.counting.partition import Partition
from tests.streams.making import (
    NOW_S,
    RULES,
    click,
    count_clicks,
    count_impressions,
    flush,
    impression,
    note_slate,
    partition_on,
)

LEARN = RULES._replace(learn_places=True)


def slate(partition: Partition) -> None:
    note_slate(partition, items=["i", "j", "k"], rules=LEARN)


def seen(partition: Partition) -> None:
    events = [impression(item=item, at_s=1) for item in "ijk"]
    count_impressions(partition, [*events, events[0]], LEARN, NOW_S)


def clicked(partition: Partition) -> None:
    count_clicks(partition, [click(item="j", at_s=2), click(item="j", at_s=3)], LEARN, NOW_S)


def rows(partition: Partition) -> dict[tuple[str, str], dict[int, tuple[int, int]]]:
    """(segment, item) -> band -> (impressions, clicks), as they lie on the disk."""
    found = {}
    for key, value in partition.disk._db.items():
        if key[:1] == PLACES_PREFIX:
            row = decode_places(value)
            found[decode_place_key(key)] = {
                band: (row[2 * band], row[2 * band + 1])
                for band in range(len(row) // 2)
                if row[2 * band]
            }
    return found


@pytest.mark.parametrize("order", list(itertools.permutations([slate, seen, clicked])))
def test_each_impression_and_click_has_its_place_once_in_any_order(
    order: tuple[Callable[[Partition], None], ...], tmp_path: Path
) -> None:
    partition = partition_on(tmp_path)
    for step in [*order, *order]:  # everything comes twice
        step(partition)
        flush(partition)
    (segment,) = {segment for segment, _ in rows(partition)}
    assert rows(partition) == {
        (segment, "i"): {0: (1, 0)},
        (segment, "j"): {1: (1, 1)},
        (segment, "k"): {2: (1, 0)},
    }


def test_rows_go_on_after_a_restart_and_without_memory(tmp_path: Path) -> None:
    partition = partition_on(tmp_path)
    slate(partition)
    seen(partition)
    flush(partition)
    again = Partition(0, partition.disk, 10)
    note_slate(again, "t", items=["j"], rules=LEARN)
    count_impressions(again, [impression("t", "j", 5)], LEARN, NOW_S)
    flush(again)
    assert rows(again)["x", "j"] == {0: (1, 0), 1: (1, 0)}


def test_slates_of_others_and_configured_places_say_nothing(tmp_path: Path) -> None:
    partition = partition_on(tmp_path)
    seen(partition)
    clicked(partition)
    note_slate(partition, "t", items=["i"])
    count_impressions(partition, [impression("t", "i", 5)], RULES, NOW_S)
    flush(partition)
    assert rows(partition) == {}
