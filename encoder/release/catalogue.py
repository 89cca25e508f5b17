"""The vectors of a catalogue: who can make them, in the space of the encoder that new items get.

    student    the encoder of the release itself
    teacher    t_i, or t_i M where the student has another dimension or another basis than the
               teacher;  M = argmin sum_i |t_i M - s_i|^2  over the texts of training

An asymmetric release keeps the better vectors for what is known today, and a small encoder for what
comes tomorrow; both must lie in one space. A student that learned the teacher's vectors, or is the
teacher compressed, is in it as it stands. One that was projected is not: M is its projection, found
again from the vectors (exactly, but for rounding and what training added).

`candidates` is the one list of what can be published; `encoder.release.mixture` judges and chooses.

Vujanic & Rueckstiess (2025), LEAF: Knowledge Distillation of Text Embedding Models with
Teacher-Aligned Representations (arXiv 2509.12539).
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import Corpus
from encoder.serving.blend import Blend
from encoder.serving.gate import LOWEST_COSINE
from encoder.serving.wire import STUDENT

Choice = Literal["auto", "teacher", "student"]
FloatArray = NDArray[np.float32]

TEACHER = "teacher"
# of the fit of M, as a share of the mean square of a direction: directions in which the texts
# hardly differ would take any value
RIDGE = 1e-3
TINY = 1e-12


class Catalogue(NamedTuple):
    """Vectors of every item: who made them (`Release.catalogue`), and (n_items, dim) float32 unit
    rows in the order of the corpus, which is that of the sorted ids; and what puts new items beside
    them, where clicks have a part in them.
    """

    made_by: str
    vectors: FloatArray
    blend: Blend | None = None


def candidates(
    student: FloatArray, teacher_vectors: FloatArray | None, corpus: Corpus, choice: Choice
) -> list[Catalogue]:
    """What can be published, the student's own vectors first.

    Parameters
    ----------
    student
        (n_items, dim) unit rows, what the encoder of the release makes.
    teacher_vectors
        (n_items, dim of the teacher) unit rows; None: no teacher is at hand.
    corpus
        Items with their split.
    choice
        "student" leaves the teacher's out.

    """
    made = [Catalogue(STUDENT, student)]
    if choice != STUDENT and teacher_vectors is not None:
        moved = in_space_of(student, teacher_vectors, corpus.training_rows())
        made.append(Catalogue(TEACHER, moved))
    return made


def in_space_of(
    student: FloatArray, teacher_vectors: FloatArray, rows: NDArray[np.int64]
) -> FloatArray:
    """The teacher's vectors (n_items, dim of the student), unit rows, where the student's are.

    Parameters
    ----------
    student, teacher_vectors
        (n_items, their dim) unit rows.
    rows
        Items to fit on.

    """
    if student.shape == teacher_vectors.shape:
        alike = (student[rows] * teacher_vectors[rows]).sum(axis=1).mean()
        if alike >= LOWEST_COSINE or not len(rows):
            return teacher_vectors
    taught, made = (each[rows].astype(np.float64) for each in (teacher_vectors, student))
    square = taught.T @ taught  # (dim of the teacher, dim of the teacher)
    ridge = RIDGE * np.trace(square) / len(square) + TINY
    fitted = np.linalg.solve(square + ridge * np.eye(len(square)), taught.T @ made)
    moved = teacher_vectors @ fitted.astype(np.float32)  # (n_items, dim)
    norms = np.linalg.norm(moved, axis=1, keepdims=True)
    moved[norms[:, 0] < TINY] = 1 / np.sqrt(moved.shape[1])
    return np.divide(moved, norms, out=moved, where=norms >= TINY)
