"""Token merging: from some layer on, a network reads every few neighbours as one token.

    x_j <- mean of x_i, i = span j ... span (j + 1) - 1          in front of layer `before`

What a text says is the mean over its tokens, and tokens that stand side by side mostly belong together: pieces of a word, first
name and surname, a comma. From the merge on half as many take half of the time, and attention a quarter. Nothing else makes a network
so much faster, and nothing else so much needs the training behind it: fitting single maps (`encoder.compress.mend`) gives nothing
back of what the merge took.

Dai et al. (2020), Funnel-Transformer: Filtering out Sequential Redundancy for Efficient Language Processing.
"""

from collections.abc import Sequence

import msgspec

from encoder.student import Model, Student


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
        msg = f"expected before from 0 to {len(old.layers) - 1} and a span of at least 2, found {before} and {span}"
        raise ValueError(msg)
    layers = list(old.layers)
    layers[before] = msgspec.structs.replace(layers[before], span=layers[before].span * span)
    student = Student(msgspec.structs.replace(old, layers=tuple(layers)))
    student.load_state_dict(model.student.state_dict())
    return model._replace(student=student.eval())
