"""Structured pruning: heads and feed-forward units that the others can stand in for are cut out of
every layer.

    cost(P) = tr W_P (G^-1)_PP^-1 W_P'                          what the output loses without the
                                                                columns P, all others fitted again
    W   <- W - W_P (G^-1)_PP^-1 (G^-1)_P:                       the others, fitted again
    G^-1 <- G^-1 - (G^-1)_:P (G^-1)_PP^-1 (G^-1)_P:             G without P

W is the map behind the heads (W_o) or the units (W_2), G = X'X + a I of what it reads at the tokens
of some texts of the catalogue, P one unit or the columns of one head. The cheapest goes, again and
again until as many are left as asked for. Two units that say the same are both active and one of
them costs nothing, which no measure of each by itself can tell. What matters is what works on these
texts, not on all of English. Whole heads and units go, so that matrices become smaller and no
sparse kernel is needed.

Hassibi & Stork (1993), Second order derivatives for network pruning: Optimal Brain Surgeon. Kurtic,
Frantar & Alistarh (2023), ZipLM: Inference-Aware Structured Pruning of Language Models.
"""

from collections.abc import Sequence

import msgspec
import torch
from torch import Tensor

from encoder.compress.layer_reconstruction import RIDGE, Batch, mend, reading
from encoder.compress.student import Layer, Model, Student


def prune(model: Model, texts: Sequence[str], heads: int, units: int) -> Model:
    """Keep the `heads` and `units` of each layer without which the layer's output on `texts` would
    change most.

    Parameters
    ----------
    model
        stays as it is.
    texts
        at least one; an even choice of them is read.
    heads, units
        per layer, at least 1; a layer that has no more keeps what it has. Fewer are smaller and
        faster in proportion.

    Raises
    ------
    ValueError
        no texts, or a number below 1.

    """
    if heads < 1 or units < 1 or not texts:
        msg = (
            f"expected heads and units of at least 1 and some texts, found {heads}, {units} and "
            f"{len(texts)} texts"
        )
        raise ValueError(msg)
    old = model.student
    batches = reading(model, texts)
    shapes, state = (
        [],
        {name: value for name, value in old.state_dict().items() if not name.startswith("layers.")},
    )
    for number, (layer, (by_out, by_down)) in enumerate(
        zip(old.each_layer(), _grams(old, batches), strict=True)
    ):
        chosen_heads = kept(layer.out.weight, by_out, layer.shape.head_dim, heads)
        chosen_units = kept(layer.down.weight, by_down, 1, units)
        shapes.append(
            msgspec.structs.replace(layer.shape, heads=len(chosen_heads), units=len(chosen_units))
        )
        state |= {
            f"layers.{number}.{name}": value
            for name, value in _cut(layer, chosen_heads, chosen_units).items()
        }
    student = Student(msgspec.structs.replace(old.shape, layers=tuple(shapes)))
    student.load_state_dict(state)
    mend(old, student.eval(), batches)
    return model._replace(student=student)


def kept(weight: Tensor, gram: Tensor, width: int, n: int) -> Tensor:
    """Numbers of the `n` groups of columns that stay, in their old order.

    Parameters
    ----------
    weight
        (outputs, groups x width) map.
    gram
        (groups x width, groups x width) sum of x x' over what it reads.
    width
        columns of a group.
    n
        how many stay; all where there are no more.

    """
    size, groups = weight.shape[1], weight.shape[1] // width
    here = torch.arange(groups)
    w = weight.detach().double().clone()  # (outputs, size)
    ridge = RIDGE * gram.diagonal().mean() * torch.eye(size, dtype=torch.float64)
    inverse = torch.linalg.inv(gram.double() + ridge)  # (size, size)
    gone = torch.zeros(groups, dtype=torch.bool)
    for _ in range(groups - n):
        blocks = inverse.view(groups, width, groups, width)[here, :, here]  # (groups, width, width)
        blocks[gone] = torch.eye(width, dtype=torch.float64)
        of_group = w.T.reshape(groups, width, -1)  # (groups, width, outputs)
        costs = (of_group * torch.linalg.solve(blocks, of_group)).sum((1, 2))  # (groups,)
        costs[gone] = torch.inf
        cheapest = int(costs.argmin())
        columns = slice(cheapest * width, (cheapest + 1) * width)
        change = torch.linalg.solve(inverse[columns, columns], inverse[columns])  # (width, size)
        w.addmm_(w[:, columns].clone(), change, alpha=-1)
        inverse.addmm_(inverse[:, columns].clone(), change, alpha=-1)
        gone[cheapest] = True
    return torch.nonzero(~gone)[:, 0]


def _cut(layer: Layer, heads: Tensor, units: Tensor) -> dict[str, Tensor]:
    """The weights of a layer with only these heads and units."""
    state = layer.state_dict()
    n, width, hidden = layer.shape.heads, layer.shape.head_dim, layer.out.out_features
    state["qkv.weight"] = (
        state["qkv.weight"].view(3, n, width, hidden)[:, heads].reshape(-1, hidden)
    )
    state["qkv.bias"] = state["qkv.bias"].view(3, n, width)[:, heads].reshape(-1)
    state["out.weight"] = state["out.weight"].view(hidden, n, width)[:, heads].reshape(hidden, -1)
    state["up.weight"], state["up.bias"] = state["up.weight"][units], state["up.bias"][units]
    state["down.weight"] = state["down.weight"][:, units]
    return state


def _grams(
    student: Student, batches: Sequence[tuple[Tensor, Tensor]]
) -> list[tuple[Tensor, Tensor]]:
    """Per layer, the sums of x x' over what its W_o and its W_2 read at the tokens of
    the batches.
    """
    sums = [
        tuple(torch.zeros(2 * (linear.in_features,)) for linear in (layer.out, layer.down))
        for layer in student.each_layer()
    ]
    with torch.inference_mode():
        for ids, mask in batches:
            batch = Batch(student, ids, mask)
            for layer, grams in zip(student.each_layer(), sums, strict=True):
                for gram, read in zip(
                    grams, batch.inputs(layer, [layer.out, layer.down]), strict=True
                ):
                    gram += read.T @ read  # (inputs, inputs)
                batch.go_on(layer)
    return [(by_out, by_down) for by_out, by_down in sums]
