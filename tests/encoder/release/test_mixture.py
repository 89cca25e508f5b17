"""The mixture of a catalogue's vectors and a student's: its figures, and which catalogue is
taken.
"""

from __future__ import annotations

import numpy as np
import pytest

from encoder.corpus.corpus import Corpus
from encoder.release.catalogue import Catalogue
from encoder.release.evaluate import judge
from encoder.release.mixture import choose, judge_mixture, mixed, paired_ndcg
from tests.encoder.making import unit_rows
from tests.encoder.tiny import KINDS, corpus, items


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def made() -> Corpus:
    return corpus(240)


@pytest.fixture(scope="module")
def teacher(made: Corpus) -> np.ndarray:
    """Vectors that know an item's kind, which is what users go by, and little else."""
    kinds = {str(item["item_id"]): KINDS.index(str(item["category"])) for item in items(240)}
    of = np.array([kinds[item_id] for item_id in made.item_ids])
    return unit(np.eye(8)[of] + 0.3 * unit_rows(len(made)))


def noisy(vectors: np.ndarray, share: float) -> np.ndarray:
    return unit(vectors + share * unit_rows(*vectors.shape, seed=9))


def test_held_out_items_have_the_students_vector_and_all_others_the_catalogues() -> None:
    """Of four items the second is held out."""
    catalogue, student = np.zeros((4, 2), np.float32), np.ones((4, 2), np.float32)
    held_out = np.array([False, True, False, False])
    assert mixed(catalogue, student, held_out).tolist() == [[0, 0], [1, 1], [0, 0], [0, 0]]


def test_students_own_catalogue_has_the_symmetric_figures(
    made: Corpus, teacher: np.ndarray
) -> None:
    student = noisy(teacher, 0.5)
    figures = judge_mixture(student, student, made, teacher)
    plain = judge(student, made, teacher)
    assert {name: figures[name] for name in plain} == plain
    assert figures["recall_new@10"] == plain["recall_catalogue@10"]


def test_only_the_students_vectors_of_held_out_items_count(
    made: Corpus, teacher: np.ndarray
) -> None:
    student = noisy(teacher, 0.5)
    elsewhere = np.where(made.held_out[:, None], student, unit_rows(*student.shape, seed=4))
    one, other = (judge_mixture(teacher, each, made, teacher) for each in (student, elsewhere))
    assert one == other


def test_students_among_the_teachers_vectors_find_more_neighbours_than_among_their_own(
    made: Corpus, teacher: np.ndarray
) -> None:
    student = noisy(teacher, 0.7)
    alone = judge_mixture(student, student, made, teacher)
    among = judge_mixture(teacher, student, made, teacher)
    assert among["recall_new@10"] > alone["recall_new@10"] + 0.05
    assert judge_mixture(teacher, teacher, made, teacher)["recall_new@10"] == 1.0


def test_better_behaviour_decides(made: Corpus, teacher: np.ndarray) -> None:
    """The teacher's vectors know what users go by and the student's next to nothing."""
    student = noisy(teacher, 1.3)
    both = [Catalogue("student", student), Catalogue("teacher", teacher)]
    chosen = choose(both, student, made, teacher, rng())
    assert chosen.catalogue.made_by == "teacher"
    assert chosen.metrics["cosine_to_catalogue"] == pytest.approx(
        (student * teacher).sum(axis=1).mean(), abs=1e-5
    )
    alone = judge_mixture(student, student, made, teacher)
    assert chosen.metrics["student_ndcg@10"] == alone["ndcg@10"] < chosen.metrics["ndcg@10"]
    assert chosen.metrics["student_recall@10"] == alone["recall@10"]
    (why,) = chosen.why
    assert why.startswith("the catalogue has the teacher's vectors (the teacher's against the")
    assert "over users" in why


def test_worse_behaviour_decides_against_more_neighbours(made: Corpus, teacher: np.ndarray) -> None:
    """Here the student knows what users go by, and what it learned from did not."""
    blind = noisy(teacher, 1.3)
    both = [Catalogue("student", teacher), Catalogue("teacher", blind)]
    chosen = choose(both, teacher, made, blind, rng())
    assert chosen.catalogue.made_by == "student"
    assert "cosine_to_catalogue" not in chosen.metrics
    assert "student_ndcg@10" not in chosen.metrics


def test_where_behaviour_cannot_tell_neighbours_decide(made: Corpus, teacher: np.ndarray) -> None:
    student = noisy(teacher, 0.2)
    both = [Catalogue("student", student), Catalogue("teacher", teacher)]
    silent = Corpus(
        made.item_ids,
        made.texts,
        made.held_out,
        made.events.where(np.zeros(len(made.events.items), bool)),
        made.cutoff_s,
    )
    chosen = choose(both, student, silent, teacher, rng())
    assert chosen.catalogue.made_by == "teacher"
    assert "no behaviour to judge by; recall_new@10 1.000 and" not in chosen.why[0]
    assert "no behaviour to judge by; recall_new@10" in chosen.why[0]
    assert choose(both, student, silent, None, rng()).catalogue.made_by == "student"


def test_strangers_are_never_mixed(made: Corpus, teacher: np.ndarray) -> None:
    student = unit_rows(len(made), seed=21)
    both = [Catalogue("student", student), Catalogue("teacher", teacher)]
    chosen = choose(both, student, made, teacher, rng())
    assert chosen.catalogue.made_by == "student"
    assert "cannot be used: cosine_to_catalogue: expected at least 0.5" in chosen.why[0]


def test_plan_that_insists_is_followed_whatever_the_figures_say(
    made: Corpus, teacher: np.ndarray
) -> None:
    student = unit_rows(len(made), seed=21)
    both = [Catalogue("student", student), Catalogue("teacher", teacher)]
    chosen = choose(both, student, made, teacher, rng(), "teacher")
    assert chosen.catalogue.made_by == "teacher"
    assert chosen.why == ["the catalogue has the teacher's vectors (the plan asks for them)"]
    with pytest.raises(ValueError, match="expected one of student, found teacher"):
        choose(both[:1], student, made, teacher, rng(), "teacher")


def test_paired_difference_is_that_of_the_means(made: Corpus, teacher: np.ndarray) -> None:
    student = noisy(teacher, 0.7)
    gain = paired_ndcg(student, teacher, made, rng())
    assert gain is not None
    one, other = (judge(each, made)["ndcg@10"] for each in (student, teacher))
    assert gain.mean == pytest.approx(other - one)
    assert gain.low < gain.mean < gain.high
