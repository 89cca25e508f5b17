"""The student: a BERT-like transformer whose every layer may have its own number of heads and
feed-forward units.

    x_0 = LN(U E[ids] + p)                                          U only where token vectors are
                                                                    narrower than the model
    x_0,j = LN(U [E[ids_sj], ..., E[ids_sj+s-1]] + p_j)             where `join` = s > 1 tokens are
                                                                    read as one
    x_l <- mean of every `span` neighbours of x_l                   in front of layers that read
                                                                    fewer tokens than there were
    a_l = LN(x_l + W_o softmax(q k' / sqrt(head_dim)) v + b_o)      q, k, v = W_qkv x_l + b_qkv
    x_{l+1} = LN(a_l + W_2 gelu(W_1 a_l + b_1) + b_2)
    z = P [mean_t x_0, mean_t x_1, ..., mean_t x_L]                 (dim,), normalised by whoever
                                                                    compares

The layers are those of BERT (post-norm), so that a teacher's weights can be taken over as they are;
heads and units are counted per layer, so that pruning needs no masks. The projection reads the mean
of every layer and not of the last alone: that costs one product per text, and what a text says word
by word need not be carried through all layers. A merged token counts as many times as it has tokens
in it; what a text lacks to a whole number of joined ones is filled with token 0. Gelu is the tanh
form: the exact one costs more and tells nobody anything. Wrong tool for teachers of another build
(no absolute positions, pre-norm): distil a static table from those.

Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for Language
Understanding. Dai et al. (2020), Funnel-Transformer: Filtering out Sequential Redundancy for
Efficient Language Processing.
"""

import math
from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from encoder.serving.artifact import (
    TOKENIZER,
    WEIGHTS,
    Artifact,
    ArtifactConfig,
    ArtifactError,
    Card,
    load,
)
from encoder.serving.artifact_writing import writing

EPSILON = 1e-12  # of BERT's layer norms
NEVER = -1e4  # added to a score: its share is then 0, in half precision too


class LayerShape(msgspec.Struct, frozen=True):
    """Sizes of one layer. `span`: how many neighbouring tokens are made one in front of it."""

    heads: int
    head_dim: int
    units: int
    span: int = 1


class StudentShape(msgspec.Struct, frozen=True):
    """Sizes of a student.

    `factor`: width of the token vectors when they are narrower than `hidden` or joined, else 0.
    `join`: tokens that are read as one from the start. `positions`: of these.
    """

    vocabulary: int
    hidden: int
    dim: int
    positions: int
    layers: tuple[LayerShape, ...]
    factor: int = 0
    join: int = 1

    @property
    def span(self) -> int:
        """Tokens that stand in one of the last layer's."""
        return self.join * math.prod(layer.span for layer in self.layers)


class Stream(NamedTuple):
    """What goes from layer to layer: `x` (n, tokens, hidden), and `weight` (n, tokens), how many
    real tokens are in each, 0 for padding.
    """

    x: Tensor
    weight: Tensor

    def merged(self, span: int) -> "Stream":
        """Every `span` neighbours as one, their mean."""
        if span == 1:
            return self
        lacking = -self.x.shape[1] % span
        x = (
            functional.pad(self.x * self.weight[..., None], (0, 0, 0, lacking))
            .unflatten(1, (-1, span))
            .sum(2)
        )
        weight = functional.pad(self.weight, (0, lacking)).unflatten(1, (-1, span)).sum(2)
        return Stream(x / weight.clamp(min=1.0)[..., None], weight)

    def mean(self) -> Tensor:
        """Mean over the real tokens, (n, hidden) float32."""
        with torch.autocast(self.x.device.type, enabled=False):
            share = (self.weight / self.weight.sum(1, keepdim=True))[:, None, :]  # (n, 1, tokens)
            return (share @ self.x.float())[:, 0]


class Output(NamedTuple):
    """`states` (n, tokens, hidden) of the last layer, as many as it reads, `vectors` (n, dim) not
    normalised; both float32.
    """

    states: Tensor
    vectors: Tensor


class Layer(nn.Module):
    """One transformer layer; see the module's equations."""

    def __init__(self, hidden: int, shape: LayerShape) -> None:
        super().__init__()
        self.shape = shape
        width = shape.heads * shape.head_dim
        self.qkv = nn.Linear(hidden, 3 * width)
        self.out = nn.Linear(width, hidden)
        self.norm_1 = nn.LayerNorm(hidden, eps=EPSILON)
        self.up = nn.Linear(hidden, shape.units)
        self.down = nn.Linear(shape.units, hidden)
        self.norm_2 = nn.LayerNorm(hidden, eps=EPSILON)

    def forward(self, stream: Stream) -> Stream:
        """One layer further."""
        x, weight = stream.merged(self.shape.span)
        n, tokens, _ = x.shape
        split = self.qkv(x).view(n, tokens, 3, self.shape.heads, self.shape.head_dim)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # each (n, heads, tokens, head_dim)
        hidden_by = (weight == 0).float()[:, None, None, :] * NEVER
        # Written out: on a CPU the backward pass of the fused attention takes half the time of a
        # whole update.
        # (n, heads, tokens, tokens)
        share = (q @ k.transpose(2, 3) * self.shape.head_dim**-0.5 + hidden_by).softmax(3)
        seen = share.to(v.dtype) @ v  # (n, heads, tokens, head_dim)
        a = self.norm_1(x + self.out(seen.transpose(1, 2).reshape(n, tokens, -1)))
        return Stream(
            self.norm_2(a + self.down(functional.gelu(self.up(a), approximate="tanh"))), weight
        )


class Student(nn.Module):
    """A transformer encoder of the given shape, mean pooling and a projection."""

    def __init__(self, shape: StudentShape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.factor or shape.hidden)
        self.widen = (
            nn.Linear(shape.join * shape.factor, shape.hidden, bias=False) if shape.factor else None
        )
        self.positions = nn.Parameter(torch.zeros(shape.positions, shape.hidden))
        self.norm = nn.LayerNorm(shape.hidden, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(shape.hidden, layer) for layer in shape.layers)
        self.project = nn.Linear(shape.hidden * (len(shape.layers) + 1), shape.dim, bias=False)

    def each_layer(self) -> list[Layer]:
        """The layers, from the input on."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def embed(self, ids: Tensor, mask: Tensor) -> Stream:
        """What the first layer reads."""
        lacking, weight = -ids.shape[1] % self.shape.join, mask.float()
        if lacking:
            ids, weight = functional.pad(ids, (0, lacking)), functional.pad(weight, (0, lacking))
        x = self.tokens(ids)  # (n, tokens, factor or hidden)
        if self.widen is not None:
            # (n, tokens / join, hidden)
            x = self.widen(x.unflatten(1, (-1, self.shape.join)).flatten(2))
        weight = weight.unflatten(1, (-1, self.shape.join)).sum(2)
        return Stream(self.norm(x + self.positions[: x.shape[1]]), weight)

    def forward(self, ids: Tensor, mask: Tensor) -> Output:
        """Token ids and mask, both (n, tokens), to states and vectors."""
        stream = self.embed(ids, mask)
        means = [stream.mean()]
        for layer in self.layers:
            stream = layer(stream)
            means.append(stream.mean())
        # bfloat16 is too coarse for what neighbours differ by
        with torch.autocast(stream.x.device.type, enabled=False):
            return Output(stream.x.float(), self.project(torch.cat(means, 1)))


class Model(NamedTuple):
    """A student with the tokenizer that it reads by, and the longest input it takes."""

    student: Student
    tokenizer: Tokenizer
    max_tokens: int


def save_model(model: Model, out: Path, card: Card) -> Artifact:
    """Write a `transformer` artifact."""
    options = {"shape": msgspec.to_builtins(model.student.shape)}
    config = ArtifactConfig(
        "transformer", model.student.shape.dim, model.max_tokens, options=options
    )
    with writing(out, config, card) as folder:
        model.tokenizer.save(str(folder / TOKENIZER))
        weights = {
            name: value.detach().cpu().contiguous().clone()
            for name, value in model.student.state_dict().items()
        }
        save_file(weights, str(folder / WEIGHTS["transformer"]))
    return load(out)


def load_model(artifact: Artifact) -> Model:
    """Read a `transformer` artifact.

    Raises
    ------
    ArtifactError
        another kind of artifact, or weights that do not fit the shape.

    """
    if artifact.kind != "transformer":
        msg = (
            f"{artifact.path}: expected a transformer artifact, found {artifact.kind}; steps on a "
            "network come before quantize and static"
        )
        raise ArtifactError(msg)
    try:
        shape = msgspec.convert(artifact.config.options["shape"], StudentShape)
        student = Student(shape)
        student.load_state_dict(load_file(str(artifact.path / WEIGHTS["transformer"])))
    except (KeyError, RuntimeError, msgspec.ValidationError) as error:
        msg = (
            f"{artifact.path}: expected weights of the shape in config.json, found "
            f"{str(error).splitlines()[0]}"
        )
        raise ArtifactError(msg) from error
    tokenizer = Tokenizer.from_file(str(artifact.path / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(artifact.config.max_tokens)
    return Model(student.eval(), tokenizer, artifact.config.max_tokens)
