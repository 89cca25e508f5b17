"""Settings that change over state that is there: docs/runbook.md, Changes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from streams.contract.count_rows import decode_count, encode_count_key
from streams.counting.rocksdb import Disk
from tests.streams.counting.golden_state import HALF_LIFE_S, live, partition_on, rules_of
from tests.streams.making import (
    NOW_S,
    RULES,
    click,
    count_clicks,
    count_impressions,
    flush,
    impression,
    totals,
)

OTHER_FORM = {"plain": "half-life", "half-life": "plain"}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "partition-0")
    yield made
    made.close()


def stored(disk: Disk, form: str) -> Disk:
    """The disk, with what `live` counts."""
    partition = partition_on(disk, form)
    live(partition, rules_of(form))
    flush(partition)
    return disk


@pytest.mark.parametrize(("window_s", "counted"), [(100.0, 1), (10.0, 0), (500.0, 1)])
def test_clicks_from_now_on_are_judged_by_the_new_window(
    disk: Disk, window_s: float, counted: int
) -> None:
    """plain/c was seen at 2 s, and is clicked at 60 s."""
    partition = partition_on(stored(disk, "plain"), "plain")
    rules = RULES._replace(attribution_window_s=window_s)
    assert not count_clicks(partition, [click("plain", "c", 60.0)], rules, NOW_S)
    assert totals(partition)["y", "c"] == (1, counted, 0, float(counted))
    assert totals(partition)["y", "a"] == (1, 1, 1, 31.0)  # what was counted stays


def test_a_longer_window_holds_for_slates_that_are_still_known(disk: Disk) -> None:
    partition = partition_on(stored(disk, "plain"), "plain")
    late = [click("plain", "c", 400.0)]
    assert not count_clicks(partition, late, RULES, NOW_S)
    assert totals(partition)["y", "c"] == (1, 0, 0, 0.0)
    longer = RULES._replace(attribution_window_s=500.0)
    assert not count_clicks(partition, [click("plain", "c", 401.0)], longer, NOW_S)
    assert totals(partition)["y", "c"] == (1, 1, 0, 1.0)


def test_other_segment_fields_make_other_segments_and_leave_those_that_are_there(
    disk: Disk,
) -> None:
    partition = partition_on(stored(disk, "plain"), "plain")
    before = totals(partition)
    rules = RULES._replace(segment_fields=("country",))
    seen = [impression("new", "a", 50.0, context={"country": "fr", "age": 7.0})]
    assert not count_impressions(partition, seen, rules, NOW_S)
    # a click on what was seen before stays in the segment of its impression
    assert not count_clicks(partition, [click("plain", "c", 60.0)], rules, NOW_S)
    after = totals(partition)
    assert after.pop(("country=fr", "a")) == (1, 0, 0, 0.0)
    assert after == before | {("y", "c"): (1, 1, 0, 1.0)}


@pytest.mark.parametrize("form", HALF_LIFE_S)
def test_a_half_life_may_be_switched_on_and_off(disk: Disk, form: str) -> None:
    """Totals stay. Discounted counts begin when the half-life does, row by row as they are
    written.
    """
    other = OTHER_FORM[form]
    partition = partition_on(stored(disk, form), other)
    assert not count_clicks(partition, [click("plain", "c", 60.0)], rules_of(other), NOW_S)
    assert totals(partition) == {
        ("x", "a"): (1, 1, 0, 1.0),
        ("y", "a"): (1, 1, 1, 31.0),
        ("y", "c"): (1, 1, 0, 1.0),
    }
    written = decode_count(disk.get(encode_count_key("y", "c")) or b"")
    untouched = decode_count(disk.get(encode_count_key("x", "a")) or b"")
    assert (written.reference_s > 0) is (form == "plain")
    assert (untouched.reference_s > 0) is (form == "half-life")
