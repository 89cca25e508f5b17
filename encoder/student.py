"""The student: a BERT-like transformer whose every layer may have its own number of heads and feed-forward units.

    x_0 = LN(U E[ids] + p)                                          U only where token vectors are narrower than the model
    a_l = LN(x_l + W_o softmax(q k' / sqrt(head_dim)) v + b_o)      q, k, v = W_qkv x_l + b_qkv
    x_{l+1} = LN(a_l + W_2 gelu(W_1 a_l + b_1) + b_2)
    z = P [mean_t x_0, mean_t x_1, ..., mean_t x_L]                 (dim,), normalised by whoever compares

The layers are those of BERT (post-norm), so that a teacher's weights can be taken over as they are; heads and units are counted
per layer, so that pruning needs no masks. The projection reads the mean of every layer and not of the last alone: that costs one
product per text, and what a text says word by word need not be carried through all layers. Gelu is the tanh form: the exact one
costs more and tells nobody anything. Wrong tool for teachers of another build (no absolute positions, pre-norm): distil a static
table from those.

Devlin et al. (2019), BERT: Pre-training of Deep Bidirectional Transformers for Language Understanding.
"""

from pathlib import Path
from typing import NamedTuple

import msgspec
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional

from encoder.artifact import TOKENIZER, WEIGHTS, Artifact, ArtifactConfig, ArtifactError, Card, load, writing

EPSILON = 1e-12  # of BERT's layer norms
NEVER = -1e4  # added to a score: its share is then 0, in half precision too


class LayerShape(msgspec.Struct, frozen=True):
    """Sizes of one layer."""

    heads: int
    head_dim: int
    units: int


class StudentShape(msgspec.Struct, frozen=True):
    """Sizes of a student. `factor`: width of the token vectors when they are narrower than `hidden`, else 0."""

    vocabulary: int
    hidden: int
    dim: int
    positions: int
    layers: tuple[LayerShape, ...]
    factor: int = 0


class Output(NamedTuple):
    """`states` (n, tokens, hidden) of the last layer, `vectors` (n, dim) not normalised; both float32."""

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

    def forward(self, x: Tensor, hidden_by: Tensor) -> Tensor:
        """(n, tokens, hidden) -> the same shape; `hidden_by` (n, 1, 1, tokens) is 0 where there is a token, else far below."""
        n, tokens, _ = x.shape
        split = self.qkv(x).view(n, tokens, 3, self.shape.heads, self.shape.head_dim)
        q, k, v = split.permute(2, 0, 3, 1, 4)  # each (n, heads, tokens, head_dim)
        # Written out: on a CPU the backward pass of the fused attention takes half the time of a whole update.
        share = (q @ k.transpose(2, 3) * self.shape.head_dim**-0.5 + hidden_by).softmax(3)  # (n, heads, tokens, tokens)
        seen = share.to(v.dtype) @ v  # (n, heads, tokens, head_dim)
        a = self.norm_1(x + self.out(seen.transpose(1, 2).reshape(n, tokens, -1)))
        return self.norm_2(a + self.down(functional.gelu(self.up(a), approximate="tanh")))


class Student(nn.Module):
    """A transformer encoder of the given shape, mean pooling and a projection."""

    def __init__(self, shape: StudentShape) -> None:
        super().__init__()
        self.shape = shape
        self.tokens = nn.Embedding(shape.vocabulary, shape.factor or shape.hidden)
        self.widen = nn.Linear(shape.factor, shape.hidden, bias=False) if shape.factor else None
        self.positions = nn.Parameter(torch.zeros(shape.positions, shape.hidden))
        self.norm = nn.LayerNorm(shape.hidden, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(shape.hidden, layer) for layer in shape.layers)
        self.project = nn.Linear(shape.hidden * (len(shape.layers) + 1), shape.dim, bias=False)

    def each_layer(self) -> list[Layer]:
        """The layers, from the input on."""
        return [layer for layer in self.layers if isinstance(layer, Layer)]

    def embed(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """What the first layer reads: states (n, tokens, hidden), and which tokens are hidden, as `Layer.forward` takes it."""
        x = self.tokens(ids)  # (n, tokens, factor or hidden)
        if self.widen is not None:
            x = self.widen(x)
        x = self.norm(x + self.positions[: ids.shape[1]])
        return x, (1.0 - mask[:, None, None, :].float()) * NEVER

    def forward(self, ids: Tensor, mask: Tensor) -> Output:
        """Token ids and mask, both (n, tokens), to states and vectors."""
        x, hidden_by = self.embed(ids, mask)
        share = (mask / mask.sum(1, keepdim=True))[:, None, :]  # (n, 1, tokens)
        means = [self._mean(x, share)]
        for layer in self.layers:
            x = layer(x, hidden_by)
            means.append(self._mean(x, share))
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 is too coarse for what neighbours differ by
            return Output(x.float(), self.project(torch.cat(means, 1)))

    @staticmethod
    def _mean(x: Tensor, share: Tensor) -> Tensor:
        """Mean over the tokens, (n, hidden) float32."""
        with torch.autocast(x.device.type, enabled=False):
            return (share @ x.float())[:, 0]


class Model(NamedTuple):
    """A student with the tokenizer that it reads by, and the longest input it takes."""

    student: Student
    tokenizer: Tokenizer
    max_tokens: int


def save_model(model: Model, out: Path, card: Card) -> Artifact:
    """Write a `transformer` artifact."""
    options = {"shape": msgspec.to_builtins(model.student.shape)}
    config = ArtifactConfig("transformer", model.student.shape.dim, model.max_tokens, options=options)
    with writing(out, config, card) as folder:
        model.tokenizer.save(str(folder / TOKENIZER))
        weights = {name: value.detach().cpu().contiguous().clone() for name, value in model.student.state_dict().items()}
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
        msg = f"{artifact.path}: expected a transformer artifact, found {artifact.kind}; steps on a network come before quantize and static"
        raise ArtifactError(msg)
    try:
        shape = msgspec.convert(artifact.config.options["shape"], StudentShape)
        student = Student(shape)
        student.load_state_dict(load_file(str(artifact.path / WEIGHTS["transformer"])))
    except (KeyError, RuntimeError, msgspec.ValidationError) as error:
        msg = f"{artifact.path}: expected weights of the shape in config.json, found {str(error).splitlines()[0]}"
        raise ArtifactError(msg) from error
    tokenizer = Tokenizer.from_file(str(artifact.path / TOKENIZER))
    tokenizer.no_padding()
    tokenizer.enable_truncation(artifact.config.max_tokens)
    return Model(student.eval(), tokenizer, artifact.config.max_tokens)
