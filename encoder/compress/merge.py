"""Words instead of tokens: from some layer on, a network reads the tokens of a word as one.

    x_j <- mean of x_i, i in word j          in front of layer `before`

A word is a token that begins one, with the pieces and the punctuation behind it. What a text says is the mean over its tokens, and the
tokens of a word belong together. On names half as many are left, which take half of the time, and attention a quarter. Every two
neighbours as one save as much and lose more, because most of them are parts of two words. Nothing else makes a network so much faster,
and nothing else so much needs the training behind it: fitting single maps (`encoder.compress.mend`) gives back little.

Dai et al. (2020), Funnel-Transformer: Filtering out Sequential Redundancy for Efficient Language Processing. Bolya et al. (2023), Token
Merging: Your ViT But Faster.
"""

import json
from collections.abc import Sequence

import msgspec
import torch
from tokenizers import Tokenizer
from torch import Tensor

from encoder.compress.mend import mend, reading
from encoder.student import Model, Student

BLANKS = ("\u2581", "\u0120")  # in front of a word's first token, in Unigram and byte-pair tokenizers


def merge(model: Model, texts: Sequence[str], before: int) -> Model:
    """Read words from layer `before` on.

    Parameters
    ----------
    model
        stays as it is; it may read words already, from a later layer on.
    texts
        to fit the layers with, so that they write of a word what they wrote of its tokens; none leaves them as they were.
    before
        number of a layer, from 0 on; earlier is faster and loses more.

    Raises
    ------
    ValueError
        not a layer.

    """
    old = model.student.shape
    if not 0 <= before < len(old.layers):
        msg = f"expected before from 0 to {len(old.layers) - 1}, found {before}"
        raise ValueError(msg)
    layers = tuple(msgspec.structs.replace(layer, words=layer.words or number >= before) for number, layer in enumerate(old.layers))
    student = Student(msgspec.structs.replace(old, layers=layers))
    student.load_state_dict(model.student.state_dict() | {"begins": begins(model.tokenizer, old.vocabulary)})
    if texts:
        mend(model.student, student.eval(), reading(model, texts))
    return model._replace(student=student.eval())


def begins(tokenizer: Tokenizer, vocabulary: int) -> Tensor:
    """Whether a word begins with each token, (vocabulary,) bool: none does with a piece or with punctuation, special tokens are words."""
    described = json.loads(tokenizer.to_str())
    special = {token["content"] for token in described["added_tokens"]}
    prefix = described["model"].get("continuing_subword_prefix")  # of WordPiece
    found = torch.zeros(vocabulary, dtype=torch.bool)
    for token, number in tokenizer.get_vocab().items():
        first = token.startswith(BLANKS) if prefix is None else not token.startswith(prefix)
        found[number] = token in special or (first and any(map(str.isalnum, token)))
    return found
