"""Structured pruning: the heads and feed-forward units that move the output least are cut out of every layer.

    I(unit j)  = sum_t gelu(w_j a_t + b_j)^2 |v_j|^2        w_j, v_j: its row of W_1 and its column of W_2
    I(head h)  = sum_t |W_o^h y_t^h|^2                      y^h: what the head reads, W_o^h: its columns of W_o

The sums are over the tokens of some texts of the catalogue: what matters is what works on these texts, not on all of
English. Whole heads and units go, so that matrices become smaller and no sparse kernel is needed.

Michel, Levy & Neubig (2019), Are Sixteen Heads Really Better than One? Molchanov et al. (2019), Importance Estimation
for Neural Network Pruning.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
import torch
from torch import Tensor, nn
from torch.nn import functional

from encoder.compress.mend import mend, reading
from encoder.student import Layer, LayerShape, Model, Student
from encoder.teacher import by_length, padded

BATCH = 64
SAMPLE = 256  # texts: some 15,000 tokens, after which the order of importance hardly changes


def prune(model: Model, texts: Sequence[str], heads: int, units: int) -> Model:
    """Keep the `heads` and `units` of each layer that matter most on `texts`.

    Parameters
    ----------
    model
        stays as it is.
    texts
        at least one; the first `SAMPLE` are read.
    heads, units
        per layer, at least 1; a layer that has no more keeps what it has. Fewer are smaller and faster in proportion.

    Raises
    ------
    ValueError
        no texts, or a number below 1.

    """
    if heads < 1 or units < 1 or not texts:
        msg = f"expected heads and units of at least 1 and some texts, found {heads}, {units} and {len(texts)} texts"
        raise ValueError(msg)
    old = model.student
    importance = _importance(model, texts[:SAMPLE])
    shapes, state = [], {name: value for name, value in old.state_dict().items() if not name.startswith("layers.")}
    for number, (layer, (of_heads, of_units)) in enumerate(zip(old.each_layer(), importance, strict=True)):
        chosen_heads = _best(of_heads, heads)
        chosen_units = _best(of_units, units)
        shapes.append(LayerShape(len(chosen_heads), layer.shape.head_dim, len(chosen_units)))
        state |= {f"layers.{number}.{name}": value for name, value in _cut(layer, chosen_heads, chosen_units).items()}
    student = Student(msgspec.structs.replace(old.shape, layers=tuple(shapes)))
    student.load_state_dict(state)
    mend(old, student.eval(), reading(model, texts))
    return model._replace(student=student)


def _best(importance: Tensor, n: int) -> Tensor:
    """Numbers of the n most important, in their old order."""
    return importance.topk(min(n, len(importance))).indices.sort().values


def _cut(layer: Layer, heads: Tensor, units: Tensor) -> dict[str, Tensor]:
    """The weights of a layer with only these heads and units."""
    state = layer.state_dict()
    n, width, hidden = layer.shape.heads, layer.shape.head_dim, layer.out.out_features
    state["qkv.weight"] = state["qkv.weight"].view(3, n, width, hidden)[:, heads].reshape(-1, hidden)
    state["qkv.bias"] = state["qkv.bias"].view(3, n, width)[:, heads].reshape(-1)
    state["out.weight"] = state["out.weight"].view(hidden, n, width)[:, heads].reshape(hidden, -1)
    state["up.weight"], state["up.bias"] = state["up.weight"][units], state["up.bias"][units]
    state["down.weight"] = state["down.weight"][:, units]
    return state


def _importance(model: Model, texts: Sequence[str]) -> list[tuple[Tensor, Tensor]]:
    """Per layer, importance of its heads (heads,) and of its units (units,), summed over the tokens of the texts."""
    layers = model.student.each_layer()
    of_heads = [torch.zeros(layer.shape.heads) for layer in layers]
    of_units = [torch.zeros(layer.shape.units) for layer in layers]
    real = torch.zeros(0)  # (n, tokens) of the batch being read

    def watch(place: int, layer: Layer) -> list[Any]:
        def before_out(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            read = args[0][real].view(-1, layer.shape.heads, layer.shape.head_dim)  # (t, heads, head_dim)
            columns = layer.out.weight.view(-1, layer.shape.heads, layer.shape.head_dim)  # (hidden, heads, head_dim)
            gram = torch.einsum("ohi,ohj->hij", columns, columns)  # (heads, head_dim, head_dim)
            of_heads[place].add_(torch.einsum("thi,hij,thj->h", read, gram, read))

        def after_up(_: nn.Module, __: object, raised: Tensor) -> None:
            active = functional.gelu(raised[real], approximate="tanh").square().sum(0)  # (units,)
            of_units[place].add_(active * layer.down.weight.square().sum(0))

        return [layer.out.register_forward_pre_hook(before_out), layer.up.register_forward_hook(after_up)]

    hooks = [hook for place, layer in enumerate(layers) for hook in watch(place, layer)]
    tokens = [encoding.ids for encoding in model.tokenizer.encode_batch_fast(list(texts))]
    with torch.inference_mode():
        for rows in by_length(tokens, BATCH):
            ids, mask = padded([tokens[row] for row in rows])
            real = mask.bool()
            model.student(ids, mask)
    for hook in hooks:
        hook.remove()
    return list(zip(of_heads, of_units, strict=True))
