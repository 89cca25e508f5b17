"""The figures, on catalogues of a few items where they can be counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from encoder.corpus.corpus import Corpus, Events
from encoder.release.evaluate import Case, cases, evaluate, judge, ndcg, nearest, recall
from tests.encoder.making import static_artifact, unit_rows
from tests.encoder.tiny import corpus


def line(*angles):
    """Unit vectors in the plane at these angles (degrees)."""
    return np.array(
        [[math.cos(math.radians(a)), math.sin(math.radians(a))] for a in angles], np.float32
    )


def test_nearest_leaves_the_query_out_and_agrees_with_sorting():
    vectors = unit_rows(50)
    rows = np.arange(0, 50, 3)
    expected = np.argsort(
        -(vectors[rows] @ vectors.T) + 9 * (rows[:, None] == np.arange(50)), axis=1
    )[:, :5]
    assert (np.sort(nearest(vectors, rows, np.arange(50), 5)) == np.sort(expected)).all()


def test_recall_counts_shared_neighbours():
    """Teacher: 0's two nearest are 1 and 2. Student: 1 and 3. One of two is shared."""
    teacher, student = line(0, 10, 20, 30), line(0, 10, 90, 20)
    assert recall(student, teacher, np.array([0]), np.arange(4), k=2) == 0.5


def test_recall_of_the_teacher_is_one():
    vectors = unit_rows(40)
    assert recall(vectors, vectors, np.arange(40), np.arange(40)) == 1.0


def test_ndcg_by_hand():
    """Ranking by the angle to item 0 is 1, 2, 3; the user chose 2 and 3.

    DCG = 1/log2(3) + 1/log2(4), the best would be 1/log2(2) + 1/log2(3).
    """
    users = [Case(np.array([0]), np.array([2, 3]))]
    expected = (1 / math.log2(3) + 1 / 2) / (1 + 1 / math.log2(3))
    assert ndcg(line(0, 10, 20, 30), users, np.arange(4), k=3) == pytest.approx(expected)


def test_items_already_chosen_are_not_ranked():
    users = [Case(np.array([0, 1]), np.array([2]))]
    assert ndcg(line(0, 1, 2, 90), users, np.arange(4), k=1) == 1.0


def test_nobody_to_ask_gives_no_figure():
    assert ndcg(line(0, 1), [], np.arange(2)) is None


def events(rows):
    columns = np.array(sorted(rows, key=lambda row: row[2]), np.float64)
    return Events(
        columns[:, 0].astype(np.int64),
        columns[:, 1].astype(np.int64),
        np.zeros(len(rows), np.int64),
        columns[:, 2],
    )


def test_history_is_before_the_cutoff_and_the_first_half_for_those_who_came_later():
    """User 0 has two events on each side of 100, user 1 four after it, user 2 only one after it."""
    rows = [
        (0, 1, 1),
        (0, 2, 2),
        (0, 3, 101),
        (0, 4, 102),
        (1, 5, 103),
        (1, 6, 104),
        (1, 7, 105),
        (1, 8, 106),
        (2, 1, 3),
        (2, 2, 107),
    ]
    made = Corpus(tuple("abcdefghi"), tuple("abcdefghi"), np.zeros(9, bool), events(rows), 100.0)
    found = [(case.history.tolist(), case.future.tolist()) for case in cases(made)]
    assert found == [([1, 2], [3, 4]), ([5, 6], [7, 8])]


def test_figures_of_a_corpus_have_warm_and_cold_apart():
    made = corpus()
    figures = judge(unit_rows(len(made)), made, unit_rows(len(made), seed=5))
    assert figures.keys() == {
        "recall@10",
        "recall_catalogue@10",
        "ndcg@10",
        "ndcg_warm@10",
        "ndcg_cold@10",
    }
    assert all(0 <= value <= 1 for value in figures.values())


def test_better_vectors_have_better_figures():
    """Vectors that are the teacher's, with more and more noise."""
    made = corpus()
    teacher = unit_rows(len(made))
    noise = unit_rows(len(made), seed=6)
    values = [
        judge(teacher + share * noise, made, teacher)["recall@10"] for share in (0.0, 0.3, 3.0)
    ]
    assert values[0] == 1.0
    assert values[0] > values[1] > values[2]


def test_an_artifact_is_measured_through_its_embedder(tmp_path):
    artifact = static_artifact(tmp_path / "a", words=["comedy", "drama", "adalin", "bomor"])
    figures = evaluate(artifact, corpus())
    assert figures["bytes"] == artifact.model_bytes
    assert figures["items_per_s"] > 0
    assert "recall@10" not in figures  # no teacher was given
    assert 0 <= figures["ndcg@10"] <= 1
