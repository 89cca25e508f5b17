"""What a student is to say: the teacher's vectors in the student's own coordinates.

    t = norm(T B),   B = V_d R,   R = argmin |T V_d R - S|,  R'R = I

V_d are the first d right singular vectors of the teacher's vectors T, S is what the student says
already. Cosines do not depend on the rotation R, so a student may keep its own axes, also one that
was trained before; without R it would first have to turn around. A student fresh from its teacher
speaks the teacher's language, and R is the identity.

Schönemann (1966), A Generalized Solution of the Orthogonal Procrustes Problem.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from encoder.compress.project import unit_vectors
from encoder.compress.student import Model, Student

# texts; the rotation has dim^2 / 2 degrees of freedom and each text gives dim equations
ROTATION_SAMPLE = 1_000


def aim(model: Model, vectors: Tensor, texts: Sequence[str], dim: int) -> tuple[Model, Tensor]:
    """The student with `dim` dimensions, and its axes among the teacher's.

    Parameters
    ----------
    model
        the student before training.
    vectors
        (n, teacher's dim) unit rows, those of `texts`.
    texts
        real ones, to find the coordinates with.
    dim
        of the result.

    Returns
    -------
    The model, and B (teacher's dim, dim), for `targets`.

    Raises
    ------
    ValueError
        a student that has other dimensions than asked for and than the teacher.

    """
    has = model.student.shape.dim
    directions = torch.linalg.svd(vectors, full_matrices=False)[2][:dim].T  # (teacher's dim, dim)
    if has != dim <= directions.shape[1] and has == vectors.shape[1]:
        # A student cut from the teacher speaks the teacher's language: its projection is the same
        # V_d, and R the identity.
        cut = Student(msgspec.structs.replace(model.student.shape, dim=dim))
        cut.load_state_dict(
            model.student.state_dict()
            | {"project.weight": directions.T @ model.student.project.weight.detach()}
        )
        return model._replace(student=cut), directions
    if has != dim or directions.shape[1] < dim:
        wanted = (
            f"a student of {dim} dimensions or of the teacher's {vectors.shape[1]}, and at least "
            f"{dim} texts"
        )
        msg = f"expected {wanted}, found {has} dimensions and {len(texts)} texts"
        raise ValueError(msg)
    sample = np.linspace(0, len(texts) - 1, min(ROTATION_SAMPLE, len(texts))).astype(int)
    said = unit_vectors(model, [texts[row] for row in sample])  # (m, dim)
    left, _, right = torch.linalg.svd((vectors[torch.from_numpy(sample)] @ directions).T @ said)
    return model, directions @ (left @ right)


def targets(vectors: Tensor, axes: Tensor) -> Tensor:
    """The teacher's unit vectors (n, teacher's dim) along the student's axes: (n, dim),
    unit rows.
    """
    return functional.normalize(vectors @ axes, dim=1)
