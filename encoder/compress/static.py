"""A static student: a table of token vectors, summed. No network is left, and no ONNX Runtime is
needed.

    v(text) = norm(sum_t E_t)
    E_t at first: what the network says of token t alone, times a / (a + p_t)         p_t: share of
    t among all tokens
    then fitted:  min_E  mean |v(text) - target|^2 + KL of the neighbourhoods        over the texts
    of the catalogue

Hundreds of times as fast as the network. What it cannot see is order and company: `river bank` is
the sum of its words. The fit makes up for much of that on texts of one kind, because it learns what
each token stands for *here*.

Arora, Liang & Ma (2017), A Simple but Tough-to-Beat Baseline for Sentence Embeddings. Tulkens & van
Dongen (2024), Model2Vec: Fast State-of-the-Art Static Embeddings.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from encoder.compress.losses import Batch, distill, relations
from encoder.compress.project import unit_vectors
from encoder.compress.quantized_rows import by_row
from encoder.compress.student import Model, load_model
from encoder.corpus.batches import Epochs
from encoder.corpus.teacher import by_length, padded
from encoder.serving.artifact import TOKENIZER, WEIGHTS, Artifact, ArtifactConfig, load
from encoder.serving.artifact_writing import writing

# a; tokens more frequent than that weigh less. The fit moves weights anyway: this only has to be a
# fair start
SIF = 1e-3
BATCH = 256
LEARNING_RATE = 0.02  # of the rows' usual size, which is set to 1 by the start
ALONE = 512  # single tokens read at once


def static(
    artifact: Artifact,
    texts: Sequence[str],
    out: Path,
    passes: int = 30,
    eight_bits: bool = True,
    seed: int = 0,
) -> Artifact:
    """Make a table of a network.

    Parameters
    ----------
    artifact
        a `transformer` artifact: trim its vocabulary and project it first, and the table is small.
    texts
        of the catalogue; the network reads them all, and the table is fitted to what it says.
    out
        folder of the result.
    passes
        over the texts; 0 leaves the table as it starts.
    eight_bits
        rows of int8 with a scale each, in place of float32.
    seed
        decides the order of the batches.

    Raises
    ------
    ValueError
        no texts, or an artifact that is not a network.

    """
    if not texts:
        msg = "expected texts to fit the table to, found none"
        raise ValueError(msg)
    model = load_model(artifact)
    tokens = ids_of(model, texts)
    table = fit(start(model, tokens), tokens, unit_vectors(model, texts), passes, seed)
    return write_table(table, model, artifact, out, eight_bits=eight_bits)


def ids_of(model: Model, texts: Sequence[str]) -> list[list[int]]:
    """Token ids per text, without the frame tokens, as a table reads them."""
    encodings = model.tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
    return [encoding.ids for encoding in encodings]


def start(model: Model, tokens: Sequence[Sequence[int]]) -> Tensor:
    """Rows before the fit, (vocabulary, dim) float32, of size about 1."""
    size = model.student.shape.vocabulary
    # [CLS] and [SEP], or whatever the tokenizer puts around a text
    frame = model.tokenizer.encode("").ids
    half = len(frame) // 2
    alone = [[*frame[:half], token, *frame[half:]] for token in range(size)]
    rows = torch.zeros(size, model.student.shape.dim)
    with torch.inference_mode():
        for part in by_length(alone, ALONE):
            output = model.student(*padded([alone[token] for token in part]))
            rows[torch.from_numpy(part)] = functional.normalize(output.vectors, dim=1)
    seen = np.bincount(
        np.fromiter((token for ids in tokens for token in ids), np.int64), minlength=size
    )
    share = torch.from_numpy(seen / max(1, seen.sum())).float()
    return rows * (SIF / (SIF + share))[:, None]


def fit(
    rows: Tensor, tokens: Sequence[Sequence[int]], targets: Tensor, passes: int, seed: int
) -> Tensor:
    """Fit a table to target vectors.

    Parameters
    ----------
    rows
        (vocabulary, dim) where to start; stays as it is.
    tokens
        ids of each text.
    targets
        (n, dim) unit rows, what the sum of each text should point to.
    passes
        over the texts.
    seed
        decides the order.

    Returns
    -------
    (vocabulary, dim) float32.

    """
    table = nn.Parameter(rows.clone())
    optimiser = torch.optim.Adam([table], lr=LEARNING_RATE)
    epochs = Epochs(np.array([len(ids) for ids in tokens]), BATCH, seed)
    updates = passes * epochs.per_epoch
    for update in range(updates):
        optimiser.param_groups[0]["lr"] = LEARNING_RATE * (1 - update / updates)
        batch = epochs.rows(update)
        ids = [tokens[row] for row in batch]
        flat = torch.tensor([token for text in ids for token in text], dtype=torch.long)
        starts = torch.from_numpy(np.cumsum([0, *map(len, ids)])[:-1])
        sums = functional.embedding_bag(flat, table, starts, mode="sum")
        seen = Batch(functional.normalize(sums, dim=1), targets[torch.from_numpy(batch)])
        loss = 5 * distill(seen) + relations(seen)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return table.detach()


def write_table(
    table: Tensor, model: Model, artifact: Artifact, out: Path, *, eight_bits: bool
) -> Artifact:
    """Write a `static` artifact with the tokenizer of the model and the card of the artifact it was
    made of.
    """
    config = ArtifactConfig("static", table.shape[1], artifact.config.max_tokens)
    rows: NDArray[np.float32] = table.numpy()
    with writing(out, config, artifact.card) as folder:
        model.tokenizer.save(str(folder / TOKENIZER), pretty=False)
        if eight_bits:
            whole, scale = by_row(rows)
            np.save(folder / WEIGHTS["static"], whole)
            np.save(folder / "scale.npy", scale[:, 0])
        else:
            np.save(folder / WEIGHTS["static"], rows)
    return load(out)
