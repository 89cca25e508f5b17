"""Small encoders and catalogues for the tests of this folder, made in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from encoder.corpus.corpus import Feedback
from encoder.serving.artifact import Artifact, ArtifactConfig, Card, Release, load
from encoder.serving.artifact_writing import writing
from encoder.serving.wire import ItemEmbedding, Thresholds, encode_vector

WORDS = (
    "red",
    "blue",
    "green",
    "shoe",
    "shirt",
    "hat",
    "wool",
    "silk",
    "small",
    "large",
    "summer",
    "winter",
)


def tokenizer_of(words: Sequence[str] = WORDS) -> Tokenizer:
    """Whole lower-case words; all others are [UNK]."""
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def static_artifact(
    out: Path,
    dim: int = 8,
    seed: int = 0,
    words: Sequence[str] = WORDS,
    metrics: dict[str, float] | None = None,
) -> Artifact:
    """A table of random token vectors; [PAD] and [UNK] have the zero vector."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(len(words) + 2, dim)).astype(np.float32)  # (tokens, dim)
    table[:2] = 0
    with writing(
        out, ArtifactConfig("static", dim, max_tokens=16), Card(metrics=metrics or {})
    ) as folder:
        tokenizer_of(words).save(str(folder / "tokenizer.json"))
        np.save(folder / "table.npy", table)
    return load(out)


def catalogue(n: int = 30, seed: int = 1) -> list[dict[str, object]]:
    """Items with three words each, ids item-0 and on."""
    rng = np.random.default_rng(seed)
    return [
        {"item_id": f"item-{i}", "title": " ".join(rng.choice(WORDS, 3, replace=False))}
        for i in range(n)
    ]


def unit_rows(n: int, dim: int = 8, seed: int = 2) -> np.ndarray:
    """(n, dim) float32 random unit vectors."""
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embedding(item_id: str, version: str, vector: np.ndarray) -> ItemEmbedding:
    """A record of `item-embeddings`."""
    return ItemEmbedding(item_id, version, encode_vector(vector), "0" * 16)


def release(
    version: str = "v1", dim: int = 8, items: int = 3, created_s: float = 1000.0, **changes: object
) -> Release:
    """A record of `encoder-releases` that stands up, with fields changed as asked."""
    fields: dict[str, object] = {
        "artifact": version,
        "sha256": "a" * 64,
        "metrics": {"ndcg@10": 0.3},
        "gate": Thresholds(drop={"ndcg@10": 0.1}),
    }
    return Release(version=version, dim=dim, items=items, created_s=created_s, **(fields | changes))  # type: ignore[arg-type]


def plain(text: str) -> str:
    """Text without the marks that a terminal's colours leave."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def tiny_teacher(folder: Path, seed: int = 0) -> Path:
    """A random BERT of two layers that knows `WORDS`, as a Hugging Face directory: 60 kB, and built
    in a second.
    """
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789.,")
    vocabulary = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *WORDS,
        *letters,
        *(f"##{c}" for c in letters),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n")
    BertTokenizerFast(str(folder / "vocab.txt")).save_pretrained(str(folder))
    torch.manual_seed(seed)
    shape = {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
    }
    config = BertConfig(vocab_size=len(vocabulary), max_position_embeddings=64, **shape)
    BertModel(config).save_pretrained(str(folder))
    return folder


def clicks(items: Sequence[dict[str, object]], users: int = 40, seed: int = 3) -> list[Feedback]:
    """Users who like one colour and choose six items at random times, those of their colour twice
    as often.
    """
    rng = np.random.default_rng(seed)
    feedback = []
    for user in range(users):
        liked = str(rng.choice(WORDS[:3]))
        weight = np.array([2.0 if liked in str(item["title"]) else 1.0 for item in items])
        chosen = rng.choice(len(items), 6, replace=False, p=weight / weight.sum())
        feedback += [
            Feedback(f"user-{user}", str(items[i]["item_id"]), "click", float(t))
            for i, t in zip(chosen, rng.uniform(0, 1e6, 6), strict=True)
        ]
    return feedback
