"""What users get of a release: known items by the catalogue's vectors, new ones by the student's.

    m_i = s_i   if item i is held out: it stands for an item of tomorrow
          c_i   otherwise                                c, s: vectors of catalogue and student

All figures of `encoder.release.evaluate` are of m. Besides:

    recall_new@k           neighbours of each held-out item, embedded by the student, as the only
                           new one among the catalogue's vectors
    cosine_to_catalogue    mean of s_i c_i, where another encoder made c
    student_...            the figures of s alone, where another encoder made c

Of two catalogues the one with the higher NDCG is taken where the paired interval over users leaves
zero out; where behaviour cannot tell, the one with the higher `recall_new@k`. The events that tell
are those which the gate is shown too, so that the figures of the winner flatter it by what one
choice among few can.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import Corpus
from encoder.release.catalogue import Catalogue, Choice
from encoder.release.evaluate import K, cases, judge, ndcg_by_user, recall
from encoder.release.intervals import Interval, mean_interval
from encoder.serving.gate import COSINE, mixture_reasons
from encoder.serving.wire import STUDENT

FloatArray = NDArray[np.float32]
NDCG, RECALL_NEW = f"ndcg@{K}", f"recall_new@{K}"


class Chosen(NamedTuple):
    """The catalogue to publish, its figures, and one sentence on every choice that was made."""

    catalogue: Catalogue
    metrics: dict[str, float]
    why: list[str]


def mixed(catalogue: FloatArray, student: FloatArray, held_out: NDArray[np.bool_]) -> FloatArray:
    """Vectors m of the module's docstring, (n_items, dim)."""
    return np.where(held_out[:, None], student, catalogue)


def judge_mixture(
    catalogue: FloatArray,
    student: FloatArray,
    corpus: Corpus,
    teacher_vectors: FloatArray | None = None,
) -> dict[str, float]:
    """The figures of a release.

    Parameters
    ----------
    catalogue
        (n_items, dim) unit rows, what is published for known items.
    student
        (n_items, dim) unit rows; only those of held-out items are read.
    corpus
        Items and events with their split.
    teacher_vectors
        (n_items, dim of the teacher) unit rows; without them there is no recall.

    """
    figures = judge(mixed(catalogue, student, corpus.held_out), corpus, teacher_vectors)
    held_out = corpus.held_out_rows()
    if teacher_vectors is not None and len(held_out) > K:
        everything = np.arange(len(corpus))
        figures[RECALL_NEW] = recall(
            catalogue, teacher_vectors, held_out, everything, asked=student
        )
    return figures


def choose(
    candidates: Sequence[Catalogue],
    student: FloatArray,
    corpus: Corpus,
    teacher_vectors: FloatArray | None,
    rng: np.random.Generator,
    choice: Choice = "auto",
) -> Chosen:
    """Judge every candidate with the student's vectors for new items, and take one.

    Parameters
    ----------
    candidates
        At least one; the first is what the others have to beat.
    student
        (n_items, dim) unit rows.
    corpus, teacher_vectors
        As in `judge_mixture`.
    rng
        Of the bootstrap.
    choice
        Another one than "auto" takes that candidate, whatever the figures say.

    Raises
    ------
    ValueError
        The candidate that was asked for is not there.

    """
    figures = {}
    for each in candidates:
        figures[each.made_by] = judge_mixture(each.vectors, student, corpus, teacher_vectors)
        if each.made_by != STUDENT:
            alike = (each.vectors * student).sum(axis=1)  # (n_items,)
            figures[each.made_by][COSINE] = float(alike.mean())
    best, why = candidates[0], []
    if choice != "auto":
        if choice not in figures:
            msg = f"catalogue: expected one of {', '.join(figures)}, found {choice}"
            raise ValueError(msg)
        best = next(each for each in candidates if each.made_by == choice)
        why.append(_said(best, "the plan asks for them"))
    for other in candidates[1:] if choice == "auto" else ():
        takes, reason = _takes_over(best, other, figures, student, corpus, rng)
        why.append(reason)
        best = other if takes else best
    metrics = figures[best.made_by]
    if best.made_by != STUDENT and STUDENT in figures:
        alone = figures[STUDENT].items()
        metrics |= {f"{STUDENT}_{name}": value for name, value in alone}
    return Chosen(best, metrics, why)


def _takes_over(
    best: Catalogue,
    other: Catalogue,
    figures: Mapping[str, Mapping[str, float]],
    student: FloatArray,
    corpus: Corpus,
    rng: np.random.Generator,
) -> tuple[bool, str]:
    """Whether `other` takes the place of `best`, and a sentence with the figures that decided."""
    ours, theirs = figures[best.made_by], figures[other.made_by]
    if faults := mixture_reasons(other.made_by, theirs):
        return False, _said(best, f"the {other.made_by}'s cannot be used: {faults[0]}")
    before, after = (mixed(each.vectors, student, corpus.held_out) for each in (best, other))
    gain = paired_ndcg(before, after, corpus, rng)
    what = f"the {other.made_by}'s against the {best.made_by}'s"
    behaviour = "no behaviour to judge by"
    if gain is not None:
        behaviour = (
            f"{NDCG} {theirs[NDCG]:.4f} and {ours[NDCG]:.4f}, difference {gain.mean:+.4f} "
            f"({gain.low:+.4f} to {gain.high:+.4f} over users)"
        )
        if gain.low > 0 or gain.high < 0:
            return gain.low > 0, _said(other if gain.low > 0 else best, f"{what}: {behaviour}")
    new, old = theirs.get(RECALL_NEW), ours.get(RECALL_NEW)
    if new is None or old is None:
        return False, _said(best, f"{what}: {behaviour}, and no neighbours to tell by")
    taken = other if new > old else best
    told = f"{what}: {behaviour}; {RECALL_NEW} {new:.3f} and {old:.3f}"
    return taken is other, _said(taken, told)


def paired_ndcg(
    one: FloatArray, other: FloatArray, corpus: Corpus, rng: np.random.Generator
) -> Interval | None:
    """NDCG@k of `other` less that of `one`, both (n_items, any dim) unit rows, with its interval
    over users; None without behaviour.
    """
    users, pool = list(cases(corpus)), np.unique(corpus.events.items)
    gains = ndcg_by_user(other, users, pool) - ndcg_by_user(one, users, pool)  # (users,)
    return None if np.isnan(gains).all() else mean_interval(gains, rng)


def _said(taken: Catalogue, why: str) -> str:
    return f"the catalogue has the {taken.made_by}'s vectors ({why})"
