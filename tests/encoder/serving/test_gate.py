"""The gate lets sound releases through and says, for every other, what is wrong."""

from __future__ import annotations

import numpy as np
import pytest

from encoder.serving.gate import metric_reasons, vector_reasons
from encoder.serving.wire import Thresholds
from tests.encoder.making import unit_rows

IDS = [f"item-{i}" for i in range(30)]


def test_sound_vectors_have_no_reason_against_them() -> None:
    assert vector_reasons(IDS, unit_rows(30), 8, IDS) == []
    assert vector_reasons(IDS[::-1], unit_rows(30), 8, IDS) == []  # order is no matter


def test_input_is_left_as_it_was() -> None:
    rows = unit_rows(30)
    before = rows.copy()
    vector_reasons(IDS, rows, 8, IDS)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_not_finite_is_found(value: float) -> None:
    rows = unit_rows(30)
    rows[7, 3] = value
    assert vector_reasons(IDS, rows, 8, IDS) == ["vectors: 1 hold NaN or infinity (item-7)"]


def test_wrong_dimension_is_found() -> None:
    assert vector_reasons(IDS, unit_rows(30, dim=7), 8, IDS) == [
        "vectors: expected shape (30, 8), found (30, 7)"
    ]


def test_missing_foreign_and_double_items_are_found() -> None:
    ids = [*IDS[:27], "ghost", "item-0", "item-1"]
    assert vector_reasons(ids, unit_rows(30), 8, IDS) == [
        "items: 3 of 30 have no vector (item-27, item-28, item-29)",
        "items: 1 vectors belong to no item of the catalogue (ghost)",
        "items: 2 have more than one vector",
    ]


def test_long_lists_are_cut_and_counted() -> None:
    (reason,) = vector_reasons(IDS[:20], unit_rows(20), 8, IDS)
    assert reason == "items: 10 of 30 have no vector (item-20, item-21, item-22, ...)"


def test_vectors_of_another_length_are_found() -> None:
    rows = unit_rows(30)
    rows[2] *= 1.5
    rows[3] = 0
    assert vector_reasons(IDS, rows, 8, IDS) == ["vectors: 2 are not of length 1 (item-2, item-3)"]


def test_collapsed_vectors_are_found_unless_the_items_are_few() -> None:
    same = np.repeat(unit_rows(1), 30, axis=0)
    (reason,) = vector_reasons(IDS, same, 8, IDS)
    assert reason.startswith("vectors: all but the same")
    assert vector_reasons(IDS[:3], same[:3], 8, IDS[:3]) == []


def test_empty_release_is_refused() -> None:
    assert "items: expected at least one, found none" in vector_reasons(
        [], np.zeros((0, 8), np.float32), 8, []
    )


def test_floor_is_inclusive() -> None:
    gate = Thresholds(minimum={"recall@10": 0.8})
    assert metric_reasons({"recall@10": 0.8}, {}, gate) == []
    assert metric_reasons({"recall@10": 0.79}, {}, gate) == [
        "recall@10: expected at least 0.8000, found 0.7900"
    ]


def test_loss_against_the_release_in_force_is_bounded() -> None:
    """A tenth of 0.30 may go: 0.27 passes and 0.26 does not."""
    gate = Thresholds(drop={"ndcg@10": 0.1})
    assert metric_reasons({"ndcg@10": 0.2701}, {"ndcg@10": 0.30}, gate) == []
    (reason,) = metric_reasons({"ndcg@10": 0.26}, {"ndcg@10": 0.30}, gate)
    assert reason == (
        "ndcg@10: expected at least 0.2700 (0.3000 of the release in force less 10%), found 0.2600"
    )


def test_first_release_has_nothing_to_lose() -> None:
    assert metric_reasons({"ndcg@10": 0.0}, {}, Thresholds(drop={"ndcg@10": 0.01})) == []


def test_metric_that_was_not_measured_is_a_failure() -> None:
    gate = Thresholds(minimum={"recall@10": 0.8}, drop={"ndcg@10": 0.01})
    assert metric_reasons({}, {"ndcg@10": 0.3}, gate) == [
        "ndcg@10: not measured, and the gate asks for it",
        "recall@10: not measured, and the gate asks for it",
    ]


def test_figure_that_is_not_a_number_is_a_failure_without_any_threshold() -> None:
    assert metric_reasons({"a": float("nan")}, {}, Thresholds()) == [
        "a: expected a finite figure, found nan"
    ]


def test_figure_that_is_not_a_number_never_passes_a_threshold() -> None:
    """NaN compares False with everything, so a plain `<` would let it through."""
    assert metric_reasons({"a": float("nan")}, {"a": 0.5}, Thresholds({"a": 0.1}, {"a": 0.1}))
