"""Vectors of one version: what readers hold stays whole while more come in."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from encoder.serving.collected import FIRST_ROWS, Collected
from encoder.serving.wire import encode_vector
from tests.encoder.making import unit_rows


def filled(n: int = 3) -> Collected:
    collected = Collected()
    for i, row in enumerate(unit_rows(n)):
        assert collected.add(f"item-{i}", encode_vector(row)) is None
    return collected


def test_vectors_are_taken_by_item_and_unknown_items_are_zero() -> None:
    rows = unit_rows(3)
    taken, known = filled().snapshot("v1").take(["item-2", "nobody", "item-0"])
    np.testing.assert_array_equal(taken, [rows[2], np.zeros(8), rows[0]])
    assert known.tolist() == [True, False, True]


def test_snapshot_is_the_same_object_until_something_changes() -> None:
    collected = filled()
    first = collected.snapshot("v1")
    assert collected.snapshot("v1") is first
    collected.add("item-9", encode_vector(unit_rows(1)[0]))
    second = collected.snapshot("v1")
    assert second.revision > first.revision
    assert len(second.matrix) == 4


def test_older_snapshot_does_not_see_later_items() -> None:
    collected = filled()
    before = collected.snapshot("v1")
    collected.add("item-9", encode_vector(unit_rows(1)[0]))
    _, known = before.take(["item-0", "item-9"])
    assert known.tolist() == [True, False]
    assert before.matrix.shape == (3, 8)


def test_memory_grows_without_losing_a_row() -> None:
    n = 2 * FIRST_ROWS + 5
    rows = unit_rows(n)
    taken, known = filled(n).snapshot("v1").take([f"item-{i}" for i in range(n)])
    assert known.all()
    np.testing.assert_array_equal(taken, rows)


def test_unsound_vector_is_told_and_leaves_the_earlier_one() -> None:
    collected = filled()
    before, _ = collected.snapshot("v1").take(["item-1"])
    fault = collected.add("item-1", encode_vector(np.full(8, np.nan, np.float32)))
    assert fault is not None
    assert "item item-1: vector: expected finite values" in fault
    assert collected.faults(8) == [fault]
    np.testing.assert_array_equal(collected.snapshot("v1").take(["item-1"])[0], before)


def test_sound_vector_mends_the_items_fault() -> None:
    collected = filled()
    collected.add("item-1", encode_vector(np.zeros(8, np.float32)))
    assert collected.faults(8)
    collected.add("item-1", encode_vector(unit_rows(1)[0]))
    assert collected.faults(8) == []


def test_second_dimension_is_a_fault() -> None:
    collected = filled()
    assert "expected dimension 8, found 5" in str(
        collected.add("item-7", encode_vector(unit_rows(1, dim=5)[0]))
    )
    assert collected.faults(5)[0] == "vectors: expected dimension 5, found 8"


def test_removed_item_is_unknown_and_can_come_back() -> None:
    collected = filled()
    collected.remove("item-1")
    collected.remove("nobody")
    assert not collected.snapshot("v1").take(["item-1"])[1].any()
    collected.add("item-1", encode_vector(unit_rows(1, seed=9)[0]))
    np.testing.assert_array_equal(
        collected.snapshot("v1").take(["item-1"])[0], unit_rows(1, seed=9)
    )


def test_stored_vectors_fill_gaps_only() -> None:
    collected = filled()
    stored = unit_rows(4, seed=7)
    collected.fill(["item-0", "item-1", "item-2", "item-3"], stored)
    taken, known = collected.snapshot("v1").take(["item-0", "item-3"])
    assert known.all()
    np.testing.assert_array_equal(taken, [unit_rows(3)[0], stored[3]])


def test_stored_vectors_of_another_dimension_are_a_fault() -> None:
    collected = filled()
    collected.fill(["item-9"], unit_rows(1, dim=4))
    assert collected.faults(8) == ["stored vectors: expected dimension 8, found 4"]


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 9), st.booleans()), max_size=40))
def test_last_sound_word_on_each_item_counts(steps: list[tuple[str, int, bool]]) -> None:
    rows = unit_rows(10)
    collected, expected = Collected(), {}
    for item, row, add in steps:
        if add:
            collected.add(item, encode_vector(rows[row]))
            expected[item] = rows[row]
        else:
            collected.remove(item)
            expected.pop(item, None)
    taken, known = collected.snapshot("v").take(list("abcd"))
    assert known.tolist() == [item in expected for item in "abcd"]
    for item, vector in zip("abcd", taken, strict=True):
        if item in expected:
            np.testing.assert_array_equal(vector, expected[item])


def test_empty_set_can_be_asked() -> None:
    empty = Collected().snapshot("v1")
    taken, known = empty.take(["a"])
    assert taken.shape == (1, 0)
    assert not known.any()


@pytest.mark.parametrize("n", [0, 1])
def test_asking_for_nothing_gives_nothing(n: int) -> None:
    assert filled(n).snapshot("v").take([])[0].shape[0] == 0
