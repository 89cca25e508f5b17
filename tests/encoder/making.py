"""Small encoders and catalogues for the tests of this folder, made in milliseconds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from encoder.artifact import Artifact, ArtifactConfig, Card, Release, load, writing
from encoder.release import ItemEmbedding, Thresholds, encode_vector

WORDS = ("red", "blue", "green", "shoe", "shirt", "hat", "wool", "silk", "small", "large", "summer", "winter")


def tokenizer_of(words: Sequence[str] = WORDS) -> Tokenizer:
    """Whole lower-case words; all others are [UNK]."""
    vocabulary = {word: number for number, word in enumerate(["[PAD]", "[UNK]", *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


def static_artifact(
    out: Path, dim: int = 8, seed: int = 0, words: Sequence[str] = WORDS, metrics: dict[str, float] | None = None
) -> Artifact:
    """A table of random token vectors; [PAD] and [UNK] have the zero vector."""
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(len(words) + 2, dim)).astype(np.float32)  # (tokens, dim)
    table[:2] = 0
    with writing(out, ArtifactConfig("static", dim, max_tokens=16), Card(metrics=metrics or {})) as folder:
        tokenizer_of(words).save(str(folder / "tokenizer.json"))
        np.save(folder / "table.npy", table)
    return load(out)


def catalogue(n: int = 30, seed: int = 1) -> list[dict[str, object]]:
    """Items with three words each, ids item-0 and on."""
    rng = np.random.default_rng(seed)
    return [{"item_id": f"item-{i}", "title": " ".join(rng.choice(WORDS, 3, replace=False))} for i in range(n)]


def unit_rows(n: int, dim: int = 8, seed: int = 2) -> np.ndarray:
    """(n, dim) float32 random unit vectors."""
    rows = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def embedding(item_id: str, version: str, vector: np.ndarray) -> ItemEmbedding:
    """A record of `item-embeddings`."""
    return ItemEmbedding(item_id, version, encode_vector(vector), "0" * 16)


def release(version: str = "v1", dim: int = 8, items: int = 3, created_s: float = 1000.0, **changes: object) -> Release:
    """A record of `encoder-releases` that stands up, with fields changed as asked."""
    fields: dict[str, object] = {
        "artifact": version,
        "sha256": "a" * 64,
        "metrics": {"ndcg@10": 0.3},
        "gate": Thresholds(drop={"ndcg@10": 0.01}),
    }
    return Release(version=version, dim=dim, items=items, created_s=created_s, **(fields | changes))  # type: ignore[arg-type]


def plain(text: str) -> str:
    """Text without the marks that a terminal's colours leave."""
    return re.sub(r"\x1b\[[0-9;]*m", "", text)
