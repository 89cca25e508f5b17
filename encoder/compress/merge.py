"""Token merging: from some layer on, a network reads every few neighbours as one token.

    x_j <- mean of x_i, i = span j ... span (j + 1) - 1          in front of layer `before`
    x_j = U_0 e_i + ... + U_(span - 1) e_(i + span - 1) + p_j      in front of all layers, i = span
                                                                   j; e: token vectors

What a text says is the mean over its tokens, and tokens that stand side by side mostly belong
together: pieces of a word, first name and surname, a comma. From the merge on half as many take
half of the time, and attention a quarter. Nothing else makes a network so much faster, and nothing
else so much needs the training behind it: fitting single maps
(`encoder.compress.layer_reconstruction`) gives nothing back of what the merge took.

In front of all layers each place among the neighbours has a map of its own. They start as the same
map, divided by their number, which is a mean; training moves them apart. Then the first layer can
tell which of two tokens came first, and narrow vectors keep apart what a sum of them would mix; it
costs what the one map did, and the norm behind it is computed for half as many tokens.

Dai et al. (2020), Funnel-Transformer: Filtering out Sequential Redundancy for Efficient Language
Processing.
"""

from collections.abc import Sequence

import msgspec
import torch
from torch.nn import functional

from encoder.compress.student import Model, Student


def merge(model: Model, texts: Sequence[str], before: int, span: int = 2) -> Model:
    """Read `span` neighbours as one from layer `before` on.

    Parameters
    ----------
    model
        stays as it is; what it merges already is merged further.
    texts
        not used.
    before
        number of a layer, from 0 on; earlier is faster and loses more.
    span
        tokens that become one, at least 2.

    Raises
    ------
    ValueError
        not a layer, or a span below 2.

    """
    old = model.student.shape
    if not 0 <= before < len(old.layers) or span < 2:
        msg = (
            f"expected before from 0 to {len(old.layers) - 1} and a span of at least 2, found "
            f"{before} and {span}"
        )
        raise ValueError(msg)
    if before == 0:
        return model._replace(student=_joined(model.student, span))
    layers = list(old.layers)
    layers[before] = msgspec.structs.replace(layers[before], span=layers[before].span * span)
    student = Student(msgspec.structs.replace(old, layers=tuple(layers)))
    student.load_state_dict(model.student.state_dict())
    return model._replace(student=student.eval())


def _joined(old: Student, span: int) -> Student:
    """The student that reads `span` of its tokens as one from the start."""
    shape = old.shape
    width, join = shape.factor or shape.hidden, shape.join * span
    # (hidden, join so far x width)
    one = torch.eye(shape.hidden) if old.widen is None else old.widen.weight.detach()
    places = (
        functional.pad(old.positions.detach(), (0, 0, 0, -shape.positions % span))
        .unflatten(0, (-1, span))
        .mean(1)
    )
    student = Student(
        msgspec.structs.replace(shape, factor=width, join=join, positions=len(places))
    )
    student.load_state_dict(
        old.state_dict() | {"widen.weight": one.repeat(1, span) / span, "positions": places}
    )
    return student.eval()
