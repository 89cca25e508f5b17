"""Who makes the catalogue's vectors, found with as little embedding as that takes.

What tells two catalogues apart is seen on a part of the items: those that are held out, those with
events, and some of the others: those whose texts have the lowest hashes, so that a catalogue which
grew has nearly the same ones, whose vectors are kept. The student embeds that part alone. All NDCG
and the neighbours among held-out items are the same on it as on the whole; neighbours in the
catalogue are sought among fewer items, for both alike (`encoder.release.mixture`). Then, where the
student's own vectors won, it embeds the rest too; where the teacher's did, nobody needs those. The
figures of the winner are of the whole catalogue.

A static encoder embeds thousands of texts a second, and always all of them.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import Corpus, among
from encoder.release.catalogue import Catalogue, Choice, candidates, in_space_of
from encoder.release.mixture import Chosen, choose, judge_mixture
from encoder.serving.gate import COSINE
from encoder.serving.text import text_hash
from encoder.serving.wire import STUDENT

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]
Embed = Callable[[Sequence[str]], FloatArray]

# Of the items that are neither held out nor have events. The neighbours of 2,600 films among 5,300
# tell 0.01 of recall; a map into a space of fewer dimensions is fitted to these, too.
SAMPLE = 2_000
OF_THE_PART = ("recall_catalogue", "recall_new")  # figures that the whole catalogue changes


def judged_rows(corpus: Corpus) -> IntArray:
    """Rows of the part that tells, in order."""
    wanted = corpus.held_out.copy()
    wanted[corpus.events.items] = True
    others = np.flatnonzero(~wanted)
    chosen = sorted(others, key=lambda row: text_hash(corpus.texts[row]))[:SAMPLE]
    wanted[chosen] = True
    return np.flatnonzero(wanted)


def chosen_catalogue(
    embed: Embed,
    corpus: Corpus,
    teacher_vectors: FloatArray | None,
    rng: np.random.Generator,
    choice: Choice = "auto",
    *,
    whole: bool = False,
) -> tuple[Chosen, FloatArray]:
    """The catalogue to publish, of all items, and the student's vectors (n_items, dim), unit rows
    where it embedded and zeros elsewhere; held-out items are always among the former.

    Parameters
    ----------
    embed
        The student's unit rows of texts.
    corpus
        Items and events with their split.
    teacher_vectors
        (n_items, dim of the teacher) unit rows; None: the student makes the vectors.
    rng, choice
        As in `encoder.release.mixture.choose`.
    whole
        Embed everything.

    """
    everything = np.arange(len(corpus))
    part = everything if whole or teacher_vectors is None else judged_rows(corpus)
    rows = everything if choice == STUDENT else part
    read = embed([corpus.texts[row] for row in rows])  # (rows, dim)
    judged = among(corpus, rows)
    taught = None if teacher_vectors is None else teacher_vectors[rows]
    made = candidates(read, taught, judged, choice)
    chosen = choose(made, read, judged, taught, rng, choice)
    student = np.zeros((len(corpus), read.shape[1]), np.float32)
    student[rows] = read
    if len(rows) == len(corpus):
        return chosen, student
    if chosen.catalogue.made_by == STUDENT or teacher_vectors is None:
        rest = np.setdiff1d(everything, rows)
        student[rest] = embed([corpus.texts[row] for row in rest])
        catalogue = Catalogue(STUDENT, student)
    else:
        known = np.intersect1d(rows, corpus.training_rows())
        moved = in_space_of(student, teacher_vectors, known)
        catalogue = Catalogue(chosen.catalogue.made_by, moved)
    figures = judge_mixture(catalogue.vectors, student, corpus, teacher_vectors)
    of_part = chosen.metrics.items()
    figures |= {
        name: value
        for name, value in of_part
        if name == COSINE or (name.startswith(STUDENT) and not any(x in name for x in OF_THE_PART))
    }
    return chosen._replace(catalogue=catalogue, metrics=figures), student
