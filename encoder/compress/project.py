"""Projection to fewer dimensions: the directions in which the vectors of the catalogue differ most.

    P' = V_d' P,    T = U S V'  (uncentred SVD of the unit vectors of the texts),   V_d: first d
    columns of V

No other projection keeps more of the inner products. The mean is left in: taken out, what the
cosine compares would be another thing (for all-MiniLM-L6-v2 on films it costs a quarter of the
neighbours at 256 dimensions).
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import torch

from encoder.compress.student import Model, Student
from encoder.corpus.teacher import by_length, padded

SAMPLE = 1_500  # texts; some times the dimension, and no more than takes half a minute
BATCH = 64


def project(model: Model, texts: Sequence[str], dim: int) -> Model:
    """Project the vectors to `dim` dimensions.

    Parameters
    ----------
    model
        stays as it is.
    texts
        at least `dim`; an even choice of `SAMPLE` of them is read.
    dim
        not above the present dimension; larger keeps more neighbours and costs every reader of the
        vectors.

    Raises
    ------
    ValueError
        a dimension out of range, or too few texts.

    """
    old = model.student
    if not 1 <= dim <= old.shape.dim or len(texts) < dim:
        msg = (
            f"expected a dim between 1 and {old.shape.dim} and as many texts, found {dim} and "
            f"{len(texts)} texts"
        )
        raise ValueError(msg)
    chosen = [
        texts[at] for at in np.linspace(0, len(texts) - 1, min(SAMPLE, len(texts))).astype(int)
    ]
    vectors = unit_vectors(model, chosen)  # (n, old dim)
    directions = torch.linalg.svd(vectors, full_matrices=False)[2][:dim]  # (dim, old dim)
    student = Student(msgspec.structs.replace(old.shape, dim=dim))
    student.load_state_dict(
        old.state_dict() | {"project.weight": directions @ old.project.weight.detach()}
    )
    return model._replace(student=student.eval())


def unit_vectors(model: Model, texts: Sequence[str]) -> torch.Tensor:
    """Unit vectors (n, dim) float32 of texts, by PyTorch."""
    tokens = [encoding.ids for encoding in model.tokenizer.encode_batch_fast(list(texts))]
    vectors = torch.zeros(len(texts), model.student.shape.dim)
    with torch.inference_mode():
        for rows in by_length(tokens, BATCH):
            output = model.student(*padded([tokens[row] for row in rows]))
            vectors[torch.from_numpy(rows)] = torch.nn.functional.normalize(output.vectors, dim=1)
    return vectors
