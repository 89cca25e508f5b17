"""A teacher's weights as those of a student: the same network, in the names and the shape that
`encoder.compress.student` has.

Layers of BERT, RoBERTa, XLM-RoBERTa and DistilBERT are one design under different names. What is
taken over computes what the teacher computes (the tests compare the states), apart from the tanh
form of gelu and from poolings other than the mean. MPNet has the same layers and adds to each score
of attention a number for the distance; these are left behind, and training makes up for them. Of
other networks (ModernBERT: norms in front, turned positions, gated units) the vectors of the tokens
are taken over, and layers of the same sizes start as BERT's do. From there the compression steps
take away.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from encoder.compress.student import LayerShape, Model, Student, StudentShape
from encoder.corpus.teacher import Teacher


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
_MPNET = _BERT._replace(
    q="attention.attn.q",
    k="attention.attn.k",
    v="attention.attn.v",
    out="attention.attn.o",
    norm_1="attention.LayerNorm",
)
FAMILIES = {
    "bert": _BERT,
    "roberta": _BERT,
    "xlm-roberta": _BERT,
    "distilbert": _DISTILBERT,
    "mpnet": _MPNET,
}
BEHIND_PADDING = ("roberta", "xlm-roberta", "mpnet")  # whose positions start there
START = 0.02  # standard deviation of BERT's weights before training
GELUS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "gelu_fast")


def adopt(teacher: Teacher, max_tokens: int | None = None) -> Model:
    """The teacher as a student of full size, which says what the teacher says where its network is
    of a family in `FAMILIES` with gelu, and starts with the teacher's tokens alone where not.

    Parameters
    ----------
    teacher
        any.
    max_tokens
        longest input of the student; None keeps the teacher's.

    """
    longest = min(max_tokens or teacher.max_tokens, teacher.max_tokens)
    student = _taken_over(teacher, longest) if is_taken_over(teacher) else _fresh(teacher, longest)
    tokenizer = Tokenizer.from_str(teacher.tokenizer.to_str())
    tokenizer.enable_truncation(longest)
    return Model(student.eval(), tokenizer, longest)


def is_taken_over(teacher: Teacher) -> bool:
    """Whether `adopt` takes the layers over, and not the tokens alone."""
    config = teacher.model.config
    activation = getattr(config, "hidden_act", getattr(config, "activation", ""))
    return config.model_type in FAMILIES and activation in GELUS


def _taken_over(teacher: Teacher, longest: int) -> Student:
    config = teacher.model.config
    names, weights = FAMILIES[config.model_type], teacher.model.state_dict()
    tokens = weights["embeddings.word_embeddings.weight"]  # (vocabulary, hidden)
    first = config.pad_token_id + 1 if config.model_type in BEHIND_PADDING else 0
    # (longest, hidden)
    positions = weights["embeddings.position_embeddings.weight"][first : first + longest]
    kinds = weights.get("embeddings.token_type_embeddings.weight")
    if kinds is not None:
        positions = positions + kinds[0]  # one segment only: its vector is a constant
    layers = [_layer(weights, names, number) for number in range(config.num_hidden_layers)]
    heads = config.num_attention_heads
    vocabulary, hidden = tokens.shape
    last = _last_map(teacher)
    shape = StudentShape(
        vocabulary,
        hidden,
        len(last),
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
        "project.weight": functional.pad(last, (hidden * len(layers), 0)),
    }
    state |= {
        f"layers.{number}.{name}": value
        for number, layer in enumerate(layers)
        for name, value in layer.items()
    }
    student.load_state_dict(state)
    return student


def _fresh(teacher: Teacher, longest: int) -> Student:
    config = teacher.model.config
    tokens = teacher.model.get_input_embeddings().weight.detach()  # (vocabulary, hidden)
    vocabulary, hidden = tokens.shape
    heads = getattr(config, "num_attention_heads", max(1, hidden // 64))
    layer = LayerShape(heads, hidden // heads, getattr(config, "intermediate_size", 4 * hidden))
    layers = (layer,) * getattr(config, "num_hidden_layers", 6)
    last = _last_map(teacher)
    student = Student(StudentShape(vocabulary, hidden, len(last), longest, layers))
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in student.named_parameters():
            if name == "positions" or (weight.ndim > 1 and name.startswith("layers.")):
                weight.normal_(std=START, generator=generator)
            elif name.endswith("bias"):
                weight.zero_()
        student.tokens.weight.copy_(tokens)
        student.project.weight.copy_(functional.pad(last, (hidden * len(layers), 0)))
    return student


def _last_map(teacher: Teacher) -> Tensor:
    """(dim, width): what the teacher does with its pooled states, the offsets and bends of it left
    out.
    """
    last = torch.eye(teacher.width)
    for layer in teacher.files.dense:
        if isinstance(layer, nn.Linear):
            last = layer.weight.detach() @ last
    return last


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
