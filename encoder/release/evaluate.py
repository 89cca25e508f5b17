"""How good an encoder is: whether it has the teacher's neighbours, and whether it ranks what users
choose next.

    recall@k   mean over held-out items i of |N_k(i) n T_k(i)| / k        N, T: the k nearest of
    student and teacher
    ndcg@k     mean over users of  sum_r rel_r / log2(r + 1)  /  sum_{r <= min(k, n)} 1 / log2(r +
               1) ranking by s_u s_j,  s_u = norm(mean of the vectors of the user's last items)

*Recall* is among held-out items only, queries and neighbours both, so no item that training saw
takes part; `recall_catalogue@k` lets the whole catalogue be neighbours. *NDCG* is on events after
the cutoff. What a user did before it is the history; one who came later has the first half of the
events for a history, as in a stream. Items already chosen are not ranked. Apart stand
`ndcg_warm@k`, among items that training saw, and `ndcg_cold@k`, among held-out ones; the candidates
are the items with at least one event. Behaviour after the cutoff is read by nobody else.

Järvelin & Kekäläinen (2002), Cumulated Gain-Based Evaluation of IR Techniques.
"""

import itertools
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.corpus.corpus import CLICK, Corpus
from encoder.corpus.vector_cache import TextEncoder, vectors_of
from encoder.serving.artifact import Artifact
from encoder.serving.embed import Embedder

K = 10
HISTORY = 20  # last items of a user that make the vector; more blurs it, fewer is noise
FEWEST = 2  # events a user must have after the cutoff to be asked about
SPEED_SAMPLE = 256  # texts: some seconds of one core, to within a few percent
CHUNK = 1_024  # queries at once, so that 20,000 items need 160 MB of similarities and not 3 GB

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


class Case(NamedTuple):
    """One user to rank for: rows chosen so far (the last ones make the vector), and rows chosen
    afterwards.
    """

    history: IntArray
    future: IntArray


def evaluate(
    artifact: Artifact, corpus: Corpus, teacher_vectors: FloatArray | None = None, threads: int = 1
) -> dict[str, float]:
    """All figures of an encoder that serves.

    Parameters
    ----------
    artifact
        `onnx` or `static`.
    corpus
        with its split; the same for all encoders that are compared.
    teacher_vectors
        (n_items, dim of the teacher) unit rows, one for every item of the corpus; without them
        there is no recall.
    threads
        for embedding; `items_per_s` is at one thread.

    Returns
    -------
    `ndcg@10`, `ndcg_warm@10`, `ndcg_cold@10` where there is behaviour for them, `recall@10` and
    `recall_catalogue@10` where there is a teacher and something held out, `bytes`, `items_per_s`.

    """
    embedder = Embedder(artifact)
    whole = TextEncoder(artifact.fingerprint, embedder.dim, embedder.embed)
    vectors = vectors_of(whole, corpus.texts, threads=threads)  # (n_items, dim)
    figures = judge(vectors, corpus, teacher_vectors)
    figures["bytes"] = float(artifact.model_bytes)
    figures["items_per_s"] = speed(embedder, corpus.texts)
    return figures


def judge(
    vectors: FloatArray, corpus: Corpus, teacher_vectors: FloatArray | None = None
) -> dict[str, float]:
    """The figures that depend on vectors alone; see `evaluate`."""
    figures = {}
    held_out = corpus.held_out_rows()
    if teacher_vectors is not None and len(held_out) > K:
        everything = np.arange(len(corpus))
        for name, pool in (("recall", held_out), ("recall_catalogue", everything)):
            figures[f"{name}@{K}"] = recall(vectors, teacher_vectors, held_out, pool)
    users = list(cases(corpus))
    known = np.unique(corpus.events.items)
    pools = {
        "ndcg": known,
        "ndcg_warm": known[~corpus.held_out[known]],
        "ndcg_cold": known[corpus.held_out[known]],
    }
    for name, pool in pools.items():
        if (value := ndcg(vectors, users, pool)) is not None:
            figures[f"{name}@{K}"] = value
    return figures


def recall(
    vectors: FloatArray,
    teacher_vectors: FloatArray,
    queries: IntArray,
    pool: IntArray,
    k: int = K,
    asked: FloatArray | None = None,
) -> float:
    """Share of the teacher's k nearest in `pool` (rows, the queries among them) that are among the
    student's; `asked` (n_items, dim) holds other vectors of the queries.
    """
    ours = nearest(vectors, queries, pool, k, asked)  # (queries, k)
    theirs = nearest(teacher_vectors, queries, pool, k)  # (queries, k)
    return float(
        np.mean(
            [len(set(a) & set(b)) / k for a, b in zip(ours.tolist(), theirs.tolist(), strict=True)]
        )
    )


def nearest(
    vectors: FloatArray,
    queries: IntArray,
    pool: IntArray,
    k: int = K,
    asked: FloatArray | None = None,
) -> IntArray:
    """Rows of the k most similar items of `pool` for each query, itself apart; (queries, k), in no
    order. `asked` (n_items, dim): vectors of the queries, where those are other ones.
    """
    asked = vectors if asked is None else asked
    found = np.empty((len(queries), k), np.int64)
    for start in range(0, len(queries), CHUNK):
        rows = queries[start : start + CHUNK]
        similar = asked[rows] @ vectors[pool].T  # (rows, pool)
        similar[rows[:, None] == pool[None, :]] = -np.inf
        found[start : start + CHUNK] = pool[np.argpartition(-similar, k - 1, axis=1)[:, :k]]
    return found


def cases(corpus: Corpus) -> Iterator[Case]:
    """Users with something chosen before and after, in the order of their numbers. Each item of a
    user counts once.
    """
    clicks = corpus.events.where(corpus.events.kinds == CLICK)
    order = np.lexsort((clicks.times_s, clicks.users))
    users, items, late = (
        clicks.users[order],
        clicks.items[order],
        clicks.times_s[order] >= corpus.cutoff_s,
    )
    edges = (
        np.flatnonzero(np.r_[True, users[1:] != users[:-1], True])
        if len(users)
        else np.zeros(1, np.int64)
    )
    for start, end in itertools.pairwise(edges):
        n_late = int(late[start:end].sum())
        if n_late < FEWEST:
            continue
        split = end - n_late if n_late < end - start else start + n_late // 2
        history = items[start:split]
        future = np.setdiff1d(items[split:end], history)
        if len(future):
            yield Case(history, future)


def ndcg(vectors: FloatArray, users: Sequence[Case], pool: IntArray, k: int = K) -> float | None:
    """NDCG@k over the users who chose something of `pool` afterwards; None where there is none."""
    found = ndcg_by_user(vectors, users, pool, k)
    return None if np.isnan(found).all() else float(np.nanmean(found))


def ndcg_by_user(
    vectors: FloatArray, users: Sequence[Case], pool: IntArray, k: int = K
) -> NDArray[np.float64]:
    """NDCG@k of each user, (users,); NaN for who chose nothing of `pool` afterwards."""
    gains = 1 / np.log2(np.arange(2, k + 2))  # (k,)
    found = np.full(len(users), np.nan)
    for user, (history, future) in enumerate(users):
        relevant = np.isin(pool, future)  # (pool,)
        if not relevant.any():
            continue
        score = vectors[pool] @ vectors[history[-HISTORY:]].mean(0)  # (pool,)
        score[np.isin(pool, history)] = -np.inf
        top = np.argsort(-score, kind="stable")[:k]
        best = gains[: int(min(k, relevant.sum()))].sum()
        found[user] = (gains[: len(top)] * relevant[top]).sum() / best
    return found


def speed(embedder: Embedder, texts: Sequence[str]) -> float:
    """Items embedded per second, tokenizer included: the better of two runs over an even choice of
    texts.
    """
    chosen = [
        texts[at]
        for at in np.linspace(0, len(texts) - 1, min(SPEED_SAMPLE, len(texts))).astype(int)
    ]
    embedder.embed(chosen[: len(chosen) // 4 + 1])
    seconds = []
    for _ in range(2):
        began = time.perf_counter()
        embedder.embed(chosen)
        seconds.append(time.perf_counter() - began)
    return len(chosen) / min(seconds)
