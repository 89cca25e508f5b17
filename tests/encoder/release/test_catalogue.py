"""Who can make a catalogue's vectors, and that a teacher's come to lie where the student's are."""

from __future__ import annotations

import numpy as np

from encoder.release.catalogue import candidates, in_space_of
from tests.encoder.making import unit_rows
from tests.encoder.tiny import corpus


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_teacher_in_the_students_space_stays_as_it_is() -> None:
    teacher = unit_rows(100, dim=16)
    student = unit(teacher + 0.1 * unit_rows(100, dim=16, seed=5))
    assert in_space_of(student, teacher, np.arange(100)) is teacher


def test_projection_of_a_student_is_found_again() -> None:
    """The student is the teacher in 6 of 16 dimensions; items that the fit does not see land on
    their own vectors.
    """
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(16, 6)))[0]
    # most of what a text says lies in the directions that the student keeps, as after an SVD
    teacher = unit(rng.normal(size=(400, 6)) @ directions.T + 0.1 * rng.normal(size=(400, 16)))
    student = unit(teacher @ directions)
    moved = in_space_of(student, teacher, np.arange(300))
    assert moved.shape == (400, 6)
    assert (moved[300:] * student[300:]).sum(axis=1).min() > 0.99
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-5)


def test_rotated_student_of_the_same_dimension_is_met_too() -> None:
    teacher = unit_rows(300, dim=16)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(16, 16)))[0].astype(np.float32)
    moved = in_space_of(teacher @ turn, teacher, np.arange(200))
    assert (moved * (teacher @ turn)).sum(axis=1).min() > 0.99


def test_students_vectors_come_first_and_stand_alone_without_a_teacher() -> None:
    made = corpus()
    student, teacher = unit_rows(len(made)), unit_rows(len(made), dim=12)
    both = candidates(student, teacher, made, "auto")
    assert [each.made_by for each in both] == ["student", "teacher"]
    assert all(each.vectors.shape == (len(made), 8) for each in both)
    assert [each.made_by for each in candidates(student, None, made, "auto")] == ["student"]
    assert [each.made_by for each in candidates(student, teacher, made, "student")] == ["student"]
