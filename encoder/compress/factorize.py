"""Narrow token vectors: the table of tokens as a product of two, by truncated SVD.

    E ~= E_r U',   E = A S V',   E_r = A_r S_r^(1/2),   U = V_r S_r^(1/2)

A vocabulary of 14,000 tokens at 384 numbers each is half of a small student; at 128 it is a sixth. The widening is one small
product per token.

Lan et al. (2020), ALBERT: A Lite BERT for Self-supervised Learning of Language Representations.
"""

from collections.abc import Sequence

import msgspec
import torch

from encoder.student import Model, Student


def factorize(model: Model, texts: Sequence[str], width: int) -> Model:
    """Store token vectors of `width` numbers.

    Parameters
    ----------
    model
        stays as it is; one whose vectors are narrow already is narrowed further.
    texts
        not used.
    width
        below the model's hidden size; larger keeps more.

    Raises
    ------
    ValueError
        a width that is not between 1 and the hidden size, or the number of tokens.

    """
    old = model.student
    highest = min(old.shape.hidden, old.shape.vocabulary) - 1
    if not 1 <= width <= highest:
        msg = f"expected a width between 1 and {highest}, found {width}"
        raise ValueError(msg)
    with torch.inference_mode():
        table = old.tokens.weight if old.widen is None else old.widen(old.tokens.weight)  # (vocabulary, hidden)
        left, size, right = torch.linalg.svd(table, full_matrices=False)
        root = size[:width].sqrt()  # both factors at like scale, so that one learning rate suits both
        narrow, widen = left[:, :width] * root, right[:width].T * root  # (vocabulary, width), (hidden, width)
    student = Student(msgspec.structs.replace(old.shape, factor=width))
    student.load_state_dict(old.state_dict() | {"tokens.weight": narrow, "widen.weight": widen})
    return model._replace(student=student.eval())
