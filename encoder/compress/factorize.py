"""Narrow token vectors: the table of tokens as a product of two, by truncated SVD over the tokens
as often as texts have them.

    E ~= 1 m' + E_r U',   D (E - 1 m') = A S V',   E_r = (E - 1 m') V_r S_r^(-1/2),   U = V_r
    S_r^(1/2)

D is diagonal, the square roots of how often each token stands in the texts; m, the mean token by
the same count, moves into the positions, of which each token gets exactly one.

A vocabulary of 14,000 tokens at 384 numbers each is half of a small student; at 128 it is a sixth.
The widening is one small product per token.

Lan et al. (2020), ALBERT: A Lite BERT for Self-supervised Learning of Language Representations.
"""

from collections.abc import Sequence

import msgspec
import torch

from encoder.compress.student import Model, Student

TINY = 1e-6  # keeps directions in which nothing lies from a division by zero


def factorize(model: Model, texts: Sequence[str], width: int) -> Model:
    """Store token vectors of `width` numbers.

    Parameters
    ----------
    model
        stays as it is; one whose vectors are narrow already is narrowed further.
    texts
        to count tokens in.
    width
        below the model's hidden size; larger keeps more.

    Raises
    ------
    ValueError
        a width that is not between 1 and the hidden size, or the number of tokens; token vectors
        that are joined already.

    """
    old = model.student
    if old.shape.join > 1:
        msg = (
            f"expected token vectors that are read one by one, found {old.shape.join} joined; "
            "factorize before merge"
        )
        raise ValueError(msg)
    highest = min(old.shape.hidden, old.shape.vocabulary) - 1
    if not 1 <= width <= highest:
        msg = f"expected a width between 1 and {highest}, found {width}"
        raise ValueError(msg)
    with torch.inference_mode():
        # (vocabulary, hidden)
        table = old.tokens.weight if old.widen is None else old.widen(old.tokens.weight)
        flat = [
            token
            for encoding in model.tokenizer.encode_batch_fast(list(texts))
            for token in encoding.ids
        ]
        # (vocabulary,)
        often = torch.bincount(torch.tensor(flat, dtype=torch.int64), minlength=len(table)) + 1.0
        mean = (often @ table) / often.sum()  # (hidden,)
        apart = table - mean
        size, right = torch.linalg.svd(often.sqrt()[:, None] * apart, full_matrices=False)[1:]
        # both factors at like scale, so that one learning rate suits both
        root = (size[:width] / often.sum().sqrt()).sqrt() + TINY
        # (vocabulary, width), (hidden, width)
        narrow, widen = apart @ right[:width].T / root, right[:width].T * root
    student = Student(msgspec.structs.replace(old.shape, factor=width))
    student.load_state_dict(
        old.state_dict()
        | {"tokens.weight": narrow, "widen.weight": widen, "positions": old.positions + mean}
    )
    return model._replace(student=student.eval())
