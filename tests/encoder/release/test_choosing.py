"""The student embeds what tells two catalogues apart, and the rest only where it is published."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from encoder.corpus.corpus import Corpus, among
from encoder.release import choosing as module
from encoder.release.catalogue import candidates
from encoder.release.choosing import chosen_catalogue, judged_rows
from encoder.release.mixture import choose, judge_mixture
from tests.encoder.making import unit_rows
from tests.encoder.release.test_mixture import made, noisy, rng, teacher

__all__ = ["made", "teacher"]


@pytest.fixture(autouse=True)
def few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SAMPLE", 20)


@pytest.fixture
def corpus(made: Corpus) -> Corpus:
    """Events on the first third of the items alone, so that some items are neither held out nor
    known by events.
    """
    return Corpus(
        made.item_ids,
        made.texts,
        made.held_out,
        made.events.where(made.events.items < 80),
        made.cutoff_s,
    )


class Student:
    """Gives the rows of its vectors for texts, and notes which."""

    def __init__(self, vectors: np.ndarray, corpus: Corpus) -> None:
        self.vectors, self.row = vectors, {text: row for row, text in enumerate(corpus.texts)}
        self.asked: list[str] = []

    def embed(self, texts: Sequence[str]) -> np.ndarray:
        self.asked += texts
        return self.vectors[[self.row[text] for text in texts]]


def test_part_has_all_held_out_all_with_events_and_some_others(corpus: Corpus) -> None:
    rows = judged_rows(corpus)
    assert set(np.flatnonzero(corpus.held_out)) | set(corpus.events.items) <= set(rows)
    others = set(rows) - set(np.flatnonzero(corpus.held_out)) - set(corpus.events.items)
    assert len(others) == 20 < len(corpus) - len(rows)


def test_part_hardly_changes_when_the_catalogue_grows(corpus: Corpus) -> None:
    """One item in 24 is new: of the twenty others no more than a few are."""
    before = among(corpus, np.flatnonzero(np.arange(len(corpus)) % 24 > 0))
    parts = [{each.texts[row] for row in judged_rows(each)} for each in (before, corpus)]
    assert len(parts[0] - parts[1]) <= 3
    assert len(parts[1] - parts[0]) <= 3 + len(corpus) / 24


def test_teachers_catalogue_takes_no_more_embedding_than_the_choice_does(
    corpus: Corpus, teacher: np.ndarray
) -> None:
    student = Student(noisy(teacher, 0.7), corpus)
    chosen, found = chosen_catalogue(student.embed, corpus, teacher, rng())
    assert chosen.catalogue.made_by == "teacher"
    assert len(student.asked) == len(judged_rows(corpus)) < len(corpus)
    np.testing.assert_array_equal(chosen.catalogue.vectors, teacher)
    held_out = corpus.held_out
    np.testing.assert_array_equal(found[held_out], student.vectors[held_out])


def test_figures_of_the_winner_are_those_of_the_whole_catalogue(
    corpus: Corpus, teacher: np.ndarray
) -> None:
    student = Student(noisy(teacher, 0.7), corpus)
    chosen, _ = chosen_catalogue(student.embed, corpus, teacher, rng())
    whole = judge_mixture(teacher, student.vectors, corpus, teacher)
    assert {name: chosen.metrics[name] for name in whole} == whole
    alone = judge_mixture(student.vectors, student.vectors, corpus, teacher)
    for name in ("ndcg@10", "recall@10"):
        assert chosen.metrics[f"student_{name}"] == pytest.approx(alone[name])
    assert "student_recall_catalogue@10" not in chosen.metrics
    every = (student.vectors * teacher).sum(axis=1).mean()
    assert chosen.metrics["cosine_to_catalogue"] == pytest.approx(every, abs=0.02)


def test_student_that_wins_embeds_everything_once(corpus: Corpus, teacher: np.ndarray) -> None:
    """The teacher's vectors lie in another space."""
    student, strangers = Student(teacher, corpus), unit_rows(len(corpus), seed=21)
    chosen, found = chosen_catalogue(student.embed, corpus, strangers, rng())
    assert chosen.catalogue.made_by == "student"
    assert sorted(student.asked) == sorted(corpus.texts)
    np.testing.assert_array_equal(chosen.catalogue.vectors, teacher)
    np.testing.assert_array_equal(found, teacher)


@pytest.mark.parametrize("way", ["no teacher", "student asked for", "whole"])
def test_where_everything_is_embedded_the_answer_is_that_of_the_mixture(
    corpus: Corpus, teacher: np.ndarray, way: str
) -> None:
    student = Student(noisy(teacher, 0.7), corpus)
    taught = None if way == "no teacher" else teacher
    choice = "student" if way == "student asked for" else "auto"
    chosen, _ = chosen_catalogue(student.embed, corpus, taught, rng(), choice, whole=way == "whole")
    both = candidates(student.vectors, taught, corpus, choice)
    expected = choose(both, student.vectors, corpus, taught, rng(), choice)
    assert chosen.metrics == expected.metrics
    assert chosen.why == expected.why
    assert sorted(student.asked) == sorted(corpus.texts)
