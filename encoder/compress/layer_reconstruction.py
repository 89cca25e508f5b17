"""Mending what a cut took: what is left of a layer is fitted again to write what the whole layer
wrote.

    W <- W + (X' X + a I)^-1 X' (Y - Z)      W_o and W_2, layer by layer, attention first

X (t, inputs) is what W reads in the cut network, Z (t, hidden) the stream behind it, Y the same
place's stream in the whole network. So each fit also makes up for what earlier layers left wrong.
No gradient, a few hundred texts: on films, six layers with half of their units go from 0.39 of the
teacher's neighbours to 0.68, and training starts there.

Hassibi & Stork (1993), Second order derivatives for network pruning: Optimal Brain Surgeon. Kurtic,
Frantar & Alistarh (2023), ZipLM.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from encoder.compress.student import Layer, Model, Student
from encoder.corpus.teacher import by_length, padded

BATCH = 64
SAMPLE = 512  # texts: some 30,000 tokens, twenty for every number that a row of a map has
# a, as a share of the mean diagonal: keeps to the old weights where the texts say nothing
RIDGE = 1e-3


class Batch:
    """Some texts on their way through a network, `stream` in front of a layer."""

    def __init__(self, student: Student, ids: Tensor, mask: Tensor) -> None:
        self.stream = student.embed(ids, mask)

    def inputs(self, layer: Layer, modules: Sequence[nn.Module]) -> list[Tensor]:
        """What these parts of the layer read at every real token, (t, inputs) each."""
        caught: list[Tensor] = []
        hooks = [
            module.register_forward_pre_hook(lambda _, args: caught.append(args[0]))
            for module in modules
        ]
        real = layer(self.stream).weight > 0  # (n, tokens)
        for hook in hooks:
            hook.remove()
        return [x[real] for x in caught]

    def go_on(self, layer: Layer) -> None:
        """Behind the layer."""
        self.stream = layer(self.stream)


def mend(
    whole: Student,
    cut: Student,
    batches: Sequence[tuple[Tensor, Tensor]],
    spans: Sequence[tuple[int, int]] | None = None,
) -> None:
    """Fit the layers of `cut` again, in place.

    Parameters
    ----------
    whole
        the network before the cut.
    cut
        the network after it.
    batches
        token ids and masks, (n, tokens) each.
    spans
        for each layer of `cut`, the layer of `whole` that it came from and the last one that it
        stands for; None: one for one.

    """
    old = whole.each_layer()
    with torch.inference_mode():
        taught, found = (
            [Batch(student, ids, mask) for ids, mask in batches] for student in (whole, cut)
        )
        for new, (first, last) in zip(
            cut.each_layer(), spans or [(place, place) for place in range(len(old))], strict=True
        ):
            read = [batch.inputs(old[first], [old[first].norm_1]) for batch in taught]
            for number in range(first, last):
                for batch in taught:
                    batch.go_on(old[number])
            written = [batch.inputs(old[last], [old[last].norm_2]) for batch in taught]
            for linear, norm, goals in (
                (new.out, new.norm_1, read),
                (new.down, new.norm_2, written),
            ):
                have = [batch.inputs(new, [linear, norm]) for batch in found]
                _fit(linear, [(x, goal - z) for [goal], (x, z) in zip(goals, have, strict=True)])
            for batch in taught:
                batch.go_on(old[last])
            for batch in found:
                batch.go_on(new)


def reading(model: Model, texts: Sequence[str]) -> list[tuple[Tensor, Tensor]]:
    """Batches of `SAMPLE` texts, evenly from all, as `mend` reads them."""
    sample = list(texts[:: max(1, len(texts) // SAMPLE)])[:SAMPLE]
    tokens = [encoding.ids for encoding in model.tokenizer.encode_batch_fast(sample)]
    return [padded([tokens[row] for row in rows]) for rows in by_length(tokens, BATCH)]


def _fit(linear: nn.Linear, pairs: Sequence[tuple[Tensor, Tensor]]) -> None:
    """Add to the map what is missing behind it: pairs of what it reads (t, inputs) and what is
    missing (t, hidden).
    """
    size = linear.in_features + 1
    gram, missing = (
        torch.zeros(size, size, dtype=torch.float64),
        torch.zeros(size, linear.out_features, dtype=torch.float64),
    )
    for x, y in pairs:
        read = torch.cat([x, torch.ones(len(x), 1)], 1)  # the bias last
        gram += (read.T @ read).double()
        missing += (read.T @ y).double()
    gram += RIDGE * gram.diagonal().mean() * torch.eye(size, dtype=torch.float64)
    change = torch.linalg.solve(gram, missing).float()  # (inputs + 1, hidden)
    linear.weight.add_(change[:-1].T)
    linear.bias.add_(change[-1])
