"""A static encoder in seconds, without training: distilled from a teacher in closed form.

    x_i = sum_j w_j s_t B_t / norm         token t at place j of text i; B: the teacher's own input
                                           vectors, centred
    Y   = T V_d                            T: the teacher's vectors of the texts; V_d: its first d
                                           right singular vectors
    G   = argmin |X G - Y|^2 + a |G|^2     what is common to all tokens
    D   = Z' (Z Z' + b I)^-1 (Y - X G)     what each token has of its own; Z: the texts as weighted
                                           token counts
    E   = B G + D                          the table

s_t = A / (A + p_t) takes weight from frequent tokens (SIF), w_j from late ones; how fast w falls is
chosen on texts left out of the fit. D makes the vectors of the texts that were read nearly the
teacher's; a text of other tokens falls back on B G. Rows of their own for frequent whole words were
tried on 1,700 films and kept no more neighbours. Wrong tool where behaviour is known and there are
minutes: `encoder.training.train` reads clicks and keeps more.

Arora, Liang & Ma (2017), A simple but tough-to-beat baseline for sentence embeddings.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from encoder.serving.artifact import TOKENIZER, WEIGHTS, Artifact, ArtifactConfig, Card, load
from encoder.serving.artifact_writing import writing
from encoder.serving.text import item_text, text_hash

FloatArray = NDArray[np.float32]

# what the teacher reads of a text, and the table too: later words have next to no weight
MAX_TOKENS = 64
SIF = 1e-2  # A: a word that makes up 1% of all words has half the weight of a rare one
FALL = (4.0, 8.0, 16.0, 1e6)  # places after which the weight is 1/e; the last: all places alike
REST = 0.03  # weight of the latest places; 0 would make long texts with one first word the same
# a; b as a share of the mean diagonal. Smaller remembers better and generalises worse
RIDGE_MAP, RIDGE_WORDS = 0.3, 0.3
LEFT_OUT = 5  # every fifth text judges the fall
FEW = 10  # texts below which nothing can be left out


class Distilled(NamedTuple):
    """Table (tokens, dim), positions (places,) and what they keep: mean cosine to the teacher on
    texts left out of the fit.
    """

    table: FloatArray
    positions: FloatArray
    cosine: float


def quick(
    items: Sequence[Mapping[str, Any]],
    teacher: Path,
    out: Path,
    *,
    dim: int = 64,
    tokens: int = 25_000,
    threads: int = 1,
    prompt: str | None = None,
    progress: Callable[[int, int], None] = lambda done, all_of: None,
) -> Artifact:
    """Distil a static encoder for a catalogue.

    Parameters
    ----------
    items
        The catalogue.
    teacher
        Directory (or name) of a Hugging Face encoder.
    out
        Folder of the artifact.
    dim
        Of the vectors; less is smaller and keeps less.
    tokens
        Of the catalogue's texts that the teacher reads, at most: its time, some 4,000 a second on
        one core. Texts beyond it get vectors by generalisation.
    threads
        Of the teacher.
    prompt
        As in `encoder.corpus.teacher.load_teacher`; only the teacher reads it.
    progress
        Called with the number of texts that the teacher has read, of how many.

    Returns
    -------
    A `static` artifact with 8-bit rows; its card holds the metric `cosine`.

    Raises
    ------
    ArtifactError
        No teacher there.
    ValueError
        No items.

    """
    import torch  # only here: the module itself is imported by the command line

    from encoder.corpus.teacher import load_teacher
    from encoder.corpus.teacher_cache import read_vectors

    # subtle: in the order of their hashes, so that the part which the teacher reads is a fair
    # sample. Ids are often given in the order of time; the oldest films of a catalogue taught an
    # encoder half as good at ranking all of them.
    texts = sorted({text for text in map(item_text, items) if text}, key=text_hash)
    if not texts:
        msg = "expected items with text, found none"
        raise ValueError(msg)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        source = load_teacher(teacher, prompt)
        source.tokenizer.enable_truncation(min(MAX_TOKENS, source.max_tokens))
        lengths = np.cumsum([len(ids) for ids in source.tokens(texts)])
        read = texts[: max(1, int(np.searchsorted(lengths, tokens, side="right")))]
        inputs = source.model.get_input_embeddings().weight.detach().numpy()  # (tokens, hidden)
        taught = read_vectors(source, read, threads=threads, progress=progress)  # (n, hidden)
    finally:
        torch.set_num_threads(before)
    ids = [
        encoding.ids
        for encoding in source.tokenizer.encode_batch_fast(texts, add_special_tokens=False)
    ]
    distilled = distil(ids, inputs, taught, dim)
    card = Card(
        metrics={"cosine": distilled.cosine},
        steps=[{"step": "quick", "dim": dim, "items": len(texts), "read": len(read)}],
        teacher=Path(teacher).name,
    )
    return _write(out, source.tokenizer, distilled, card)


def distil(
    ids: Sequence[Sequence[int]], inputs: FloatArray, taught: FloatArray, dim: int
) -> Distilled:
    """The closed form of the module's docstring.

    Parameters
    ----------
    ids
        Token ids of each text, the texts that the teacher read first.
    inputs
        (tokens, hidden) the teacher's input vectors.
    taught
        (n, hidden) unit vectors of the first n texts.
    dim
        Of the result; at most hidden, and more than n says nothing more.

    """
    n = len(taught)
    frequency = np.bincount(
        np.concatenate([np.asarray(row, np.int64) for row in ids]), minlength=len(inputs)
    )
    weight = (SIF / (SIF + frequency / max(1, frequency.sum()))).astype(np.float32)  # (tokens,)
    base = (inputs - inputs[frequency > 0].mean(axis=0)) * weight[:, None]  # (tokens, hidden)
    directions = np.linalg.svd(taught, full_matrices=False)[2][:dim].T  # (hidden, d)
    goal = taught @ directions  # (n, d)
    train = np.arange(n) % LEFT_OUT > 0 if n >= FEW else np.ones(n, bool)
    judge = ~train if n >= FEW else train
    tried = []
    for fall in FALL:
        positions = (np.exp(-np.arange(MAX_TOKENS) / fall) + REST).astype(np.float32)  # (places,)
        seen, counts = _features([ids[row] for row in range(n)], positions)
        table = _fit(counts[train], seen, base, weight, goal[train])
        tried.append((_cosine(counts[judge] @ table[seen], goal[judge]), positions))
    cosine, positions = max(tried, key=lambda pair: pair[0])
    seen, counts = _features([ids[row] for row in range(n)], positions)
    table = _fit(counts, seen, base, weight, goal)
    if table.shape[1] < dim:  # fewer texts than dimensions
        table = np.pad(table, ((0, 0), (0, dim - table.shape[1])))
    return Distilled(table, positions, cosine)


def _fit(
    counts: FloatArray,
    seen: NDArray[np.int64],
    base: FloatArray,
    weight: FloatArray,
    goal: FloatArray,
) -> FloatArray:
    """E of the module's docstring, (tokens, d). `counts` (n, seen) are weighted by place."""
    sums = counts @ base[seen]  # (n, hidden)
    norm = 1 / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)  # (n, 1)
    x = sums * norm
    # (hidden, d)
    g = np.linalg.solve(x.T @ x + RIDGE_MAP * np.eye(x.shape[1], dtype=np.float32), x.T @ goal)
    z = counts * norm * np.sqrt(weight[seen])  # (n, seen)
    kernel = z @ z.T  # (n, n)
    ridge = RIDGE_WORDS * float(np.mean(np.diag(kernel))) + 1e-9
    # (n, d)
    rest = np.linalg.solve(kernel + ridge * np.eye(len(kernel), dtype=np.float32), goal - x @ g)
    table = base @ g  # (tokens, d)
    table[seen] += np.sqrt(weight[seen])[:, None] * (z.T @ rest)
    return np.asarray(table, np.float32)


def _features(
    ids: Sequence[Sequence[int]], positions: FloatArray
) -> tuple[NDArray[np.int64], FloatArray]:
    """Tokens that occur, (seen,), and per text the sum of the weights of their places,
    (n, seen).
    """
    flat = np.concatenate([np.asarray(row, np.int64) for row in ids])
    seen, column = np.unique(flat, return_inverse=True)
    counts = np.zeros((len(ids), len(seen)), np.float32)
    rows = np.repeat(np.arange(len(ids)), [len(row) for row in ids])
    places = np.concatenate([np.arange(len(row)) for row in ids])
    np.add.at(counts, (rows, column), positions[np.minimum(places, len(positions) - 1)])
    return seen, counts


def _cosine(made: FloatArray, goal: FloatArray) -> float:
    norms = np.linalg.norm(made, axis=1) * np.linalg.norm(goal, axis=1)
    return float(np.mean((made * goal).sum(axis=1) / np.maximum(norms, 1e-9)))


def _write(out: Path, tokenizer: Tokenizer, distilled: Distilled, card: Card) -> Artifact:
    table = distilled.table
    scale = np.maximum(np.abs(table).max(axis=1), 1e-9) / 127  # (tokens,)
    with writing(out, ArtifactConfig("static", table.shape[1], MAX_TOKENS), card) as folder:
        tokenizer.save(str(folder / TOKENIZER))
        np.save(folder / WEIGHTS["static"], np.rint(table / scale[:, None]).astype(np.int8))
        np.save(folder / "scale.npy", scale.astype(np.float32))
        np.save(folder / "positions.npy", distilled.positions)
    return load(out)
