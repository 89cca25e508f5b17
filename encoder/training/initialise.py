"""A teacher's weights as those of a student: the same network, in the names and the shape that
`encoder.compress.student` has.

Layers of BERT, RoBERTa, XLM-RoBERTa and DistilBERT are one design under different names. What is
taken over computes what the teacher computes (the tests compare the states), apart from the tanh
form of gelu. From there the compression steps take away.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor

from encoder.compress.student import LayerShape, Model, Student, StudentShape
from encoder.corpus.teacher import Teacher
from encoder.serving.artifact import ArtifactError


class _Names(NamedTuple):
    """Where a family keeps its weights; `layer` has the layer's number in it, the
    others follow it.
    """

    layer: str
    q: str
    k: str
    v: str
    out: str
    norm_1: str
    up: str
    down: str
    norm_2: str


_BERT = _Names(
    "encoder.layer.{}.",
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
_DISTILBERT = _Names(
    "transformer.layer.{}.",
    "attention.q_lin",
    "attention.k_lin",
    "attention.v_lin",
    "attention.out_lin",
    "sa_layer_norm",
    "ffn.lin1",
    "ffn.lin2",
    "output_layer_norm",
)
FAMILIES = {"bert": _BERT, "roberta": _BERT, "xlm-roberta": _BERT, "distilbert": _DISTILBERT}
GELUS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast")


def adopt(teacher: Teacher, max_tokens: int | None = None) -> Model:
    """The teacher as a student of full size, with the identity for a projection.

    Parameters
    ----------
    teacher
        of a family in `FAMILIES`.
    max_tokens
        longest input of the student; None keeps the teacher's.

    Raises
    ------
    ArtifactError
        a family, an activation or a position scheme that the student does not have.

    """
    config = teacher.model.config
    family, activation = (
        config.model_type,
        getattr(config, "hidden_act", getattr(config, "activation", "?")),
    )
    if family not in FAMILIES or activation not in GELUS:
        msg = (
            f"{teacher.name}: expected a teacher among {', '.join(FAMILIES)} with gelu, found "
            f"{family} with {activation}; "
            "distil a static table from it instead"
        )
        raise ArtifactError(msg)
    names, weights = FAMILIES[family], teacher.model.state_dict()
    longest = min(max_tokens or teacher.max_tokens, teacher.max_tokens)
    tokens = weights["embeddings.word_embeddings.weight"]  # (vocabulary, hidden)
    # RoBERTa's positions start behind the padding's
    first = config.pad_token_id + 1 if family.endswith("roberta") else 0
    # (longest, hidden)
    positions = weights["embeddings.position_embeddings.weight"][first : first + longest]
    kinds = weights.get("embeddings.token_type_embeddings.weight")
    if kinds is not None:
        positions = positions + kinds[0]  # one segment only: its vector is a constant
    layers = [_layer(weights, names, number) for number in range(config.num_hidden_layers)]
    heads = config.num_attention_heads
    vocabulary, hidden = tokens.shape
    shape = StudentShape(
        vocabulary,
        hidden,
        hidden,
        longest,
        tuple(LayerShape(heads, hidden // heads, len(layer["up.weight"])) for layer in layers),
    )
    student = Student(shape)
    state = {
        "tokens.weight": tokens,
        "positions": positions,
        "norm.weight": weights["embeddings.LayerNorm.weight"],
        "norm.bias": weights["embeddings.LayerNorm.bias"],
        # the last mean alone
        "project.weight": torch.eye(hidden, hidden * (len(layers) + 1)).roll(
            hidden * len(layers), 1
        ),
    }
    state |= {
        f"layers.{number}.{name}": value
        for number, layer in enumerate(layers)
        for name, value in layer.items()
    }
    student.load_state_dict(state)
    tokenizer = Tokenizer.from_str(teacher.tokenizer.to_str())
    tokenizer.enable_truncation(longest)
    return Model(student.eval(), tokenizer, longest)


def _layer(weights: Mapping[str, Tensor], names: _Names, number: int) -> dict[str, Tensor]:
    """The weights of one layer under the student's names; query, key and value stand in
    one matrix.
    """
    prefix = names.layer.format(number)
    state = {}
    for part in ("weight", "bias"):
        state[f"qkv.{part}"] = torch.cat(
            [weights[f"{prefix}{name}.{part}"] for name in (names.q, names.k, names.v)]
        )
        for ours in ("out", "norm_1", "up", "down", "norm_2"):
            state[f"{ours}.{part}"] = weights[f"{prefix}{getattr(names, ours)}.{part}"]
    return state
