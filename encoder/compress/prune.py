"""Structured pruning: the heads and feed-forward units that move the output least are cut out of every layer.

    I(unit j)  = mean_t gelu(w_j a_t + b_j)^2 |v_j|^2        w_j, v_j: its row of W_1 and its column of W_2
    I(head h)  = mean_t |W_o^h y_t^h|^2                      y^h: what the head reads, W_o^h: its columns of W_o

The means are over the tokens of some texts of the catalogue: what matters is what works on these texts, not on all of
English. Whole heads and units go, so that matrices become smaller and no sparse kernel is needed.

Michel, Levy & Neubig (2019), Are Sixteen Heads Really Better than One? Molchanov et al. (2019), Importance Estimation
for Neural Network Pruning.
"""

from collections.abc import Sequence

import msgspec
import torch
from torch import Tensor
from torch.nn import functional

from encoder.student import Layer, LayerShape, Model, Student
from encoder.teacher import padded

SAMPLE = 256  # texts for the means: some 15,000 tokens, after which the order of importance hardly changes


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
    return model._replace(student=student.eval())


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
    """Per layer, importance of its heads (heads,) and of its units (units,)."""
    ids, mask = padded([encoding.ids for encoding in model.tokenizer.encode_batch(list(texts))])
    real = mask.bool()
    found: list[list[Tensor]] = [[] for _ in model.student.layers]

    def of_heads(layer: Layer, read: Tensor) -> Tensor:
        by_head = read[real].view(-1, layer.shape.heads, layer.shape.head_dim)  # (tokens, heads, head_dim)
        columns = layer.out.weight.view(-1, layer.shape.heads, layer.shape.head_dim)  # (hidden, heads, head_dim)
        gram = torch.einsum("ohi,ohj->hij", columns, columns)  # (heads, head_dim, head_dim)
        return torch.einsum("thi,hij,thj->h", by_head, gram, by_head) / len(by_head)

    def of_units(layer: Layer, raised: Tensor) -> Tensor:
        active = functional.gelu(raised[real], approximate="tanh").square().mean(0)  # (units,)
        return active * layer.down.weight.square().sum(0)

    hooks = []
    for place, layer in enumerate(model.student.each_layer()):
        hooks.append(layer.out.register_forward_pre_hook(lambda _, args, p=place, of=layer: found[p].append(of_heads(of, args[0]))))
        hooks.append(layer.up.register_forward_hook(lambda _, __, output, p=place, of=layer: found[p].append(of_units(of, output))))
    with torch.inference_mode():
        model.student(ids, mask)
    for hook in hooks:
        hook.remove()
    return [(by_heads, by_units) for by_heads, by_units in found]
