"""Layer drop: a student of some of the layers, the others left out.

    x_{l+1} = layer_{keep[l]}(x_l)

Neighbouring layers of a trained transformer change the states little by little, so that what
follows a missing layer still understands what it gets. A layer that is kept stands for those that
are left out behind it: its last map is fitted to write what they wrote
(`encoder.compress.layer_reconstruction`), and training mends the rest. Layers spread evenly, the
last among them, start best.

Sun et al. (2019), Patient Knowledge Distillation for BERT Model Compression. Sajjad et al. (2023),
On the Effect of Dropping Layers of Pre-trained Transformer Models.
"""

import itertools
from collections.abc import Sequence

import msgspec

from encoder.compress.layer_reconstruction import mend, reading
from encoder.compress.student import Model, Student


def keep_layers(model: Model, texts: Sequence[str], keep: Sequence[int]) -> Model:
    """Keep the layers with these numbers, in this order.

    Parameters
    ----------
    model
        stays as it is.
    texts
        to fit with; none leaves the layers as they were.
    keep
        numbers from 0 on; more layers are better and slower in proportion.

    Raises
    ------
    ValueError
        no number, or one that is not a layer.

    """
    shape = model.student.shape
    if not keep or not all(0 <= number < len(shape.layers) for number in keep):
        msg = (
            f"expected numbers of layers in keep, from 0 to {len(shape.layers) - 1}, found "
            f"{list(keep)}"
        )
        raise ValueError(msg)
    student = Student(
        msgspec.structs.replace(shape, layers=tuple(shape.layers[number] for number in keep))
    )
    state = {
        name: value
        for name, value in model.student.state_dict().items()
        if not name.startswith("layers.")
    }
    # one block for each mean
    means = state["project.weight"].view(shape.dim, len(shape.layers) + 1, shape.hidden)
    # that each one stands for
    last = [
        *(max(number, after - 1) for number, after in itertools.pairwise(keep)),
        len(shape.layers) - 1,
    ]
    blocks = [0, *(number + 1 for number in last)]
    state["project.weight"] = means[:, blocks].reshape(shape.dim, -1)
    for place, number in enumerate(keep):
        layer = model.student.layers[number].state_dict()
        norm = model.student.layers[last[place]].state_dict() if texts else layer
        layer |= {name: value for name, value in norm.items() if name.startswith("norm_2.")}
        state |= {f"layers.{place}.{name}": value for name, value in layer.items()}
    student.load_state_dict(state)
    if texts:
        mend(
            model.student, student.eval(), reading(model, texts), list(zip(keep, last, strict=True))
        )
    return model._replace(student=student.eval())
