"""What a student is trained on: agreement with the teacher, behaviour, and spread.

    distill      mean |s_i - t_i|^2                              s, t: unit vectors of student and
                                                                 teacher
    relations    KL(softmax_j(t_i t_j / tau) || softmax_j(s_i s_j / tau)), j != i: who is whose
                 neighbour
    neighbours   KL(softmax_j(t_i b_j / tau) || softmax_j(s_i b_j / tau)), j != i      b: the
    teacher's vectors of all texts
    tokens       mean |h - g|^2 / var(g)                         h, g: states of single tokens
    click        -log softmax_j(s_u s_j / tau - log q_j)[i]      u: an item the user clicked before
                                                                 item i
    conversion   the same on conversions
    uniformity   log mean exp(-2 |s_i - s_j|^2), i != j          lower is more spread out

The total is sum_k w_k L_k with the weights of the configuration; `click`, `conversion` and
`uniformity` are the alpha, beta and gamma of the design. `distill` alone fits each text by itself;
`relations` puts the error where it does not change the order of neighbours. A batch hardly ever
holds a text's nearest ones, so `neighbours` asks the same among all texts, whose vectors the
teacher has said already. `tokens` gives a text of 60 tokens 60 targets in place of one and is what
makes few texts suffice. The negatives of `click` are the other items of the batch, drawn in
proportion to their popularity q: without the correction by log q, popular items would be pushed
away for being popular.

Hinton, Vinyals & Dean (2015), Distilling the Knowledge in a Neural Network. Park et al. (2019),
Relational Knowledge Distillation. Fang et al. (2021), SEED: Self-supervised Distillation for Visual
Representation. Jiao et al. (2020), TinyBERT. Yi et al. (2019), Sampling-Bias-Corrected Neural
Modeling for Large Corpus Item Recommendations. Wang & Isola (2020), Understanding Contrastive
Representation Learning through Alignment and Uniformity on the Hypersphere.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

# Cosines of neighbours among items of one kind lie within some hundredths: a temperature of that
# size separates them.
RELATION_TEMPERATURE = 0.05
# Usual for in-batch softmax over cosines (0.05 to 0.1); lower trusts single clicks more.
BEHAVIOUR_TEMPERATURE = 0.07
UNIFORMITY_SCALE = 2.0  # Wang & Isola's t


class Pairs(NamedTuple):
    """Items that one user chose one after the other.

    Attributes: `before`, `after` (m,) rows of the batch; `log_q` (m,) log share of the events that
    fell on `after`; `items` (m,) which item `after` is, since two rows of one batch can be the same
    item.
    """

    before: Tensor
    after: Tensor
    log_q: Tensor
    items: Tensor


class Batch(NamedTuple):
    """What one step of training sees. Everything but the students' part may be missing (None).

    Attributes: `vectors` (n, dim) unit rows of the student; `targets` (n, dim) of the teacher;
    `states`, `state_targets` (t, hidden) of single tokens, with `state_variance`, the mean variance
    of the targets; `clicks`, `conversions`; `bank` (texts, dim) unit rows of the teacher, with
    `own` (n,), the row of each text in it, -1 for one that has none.
    """

    vectors: Tensor
    targets: Tensor
    states: Tensor | None = None
    state_targets: Tensor | None = None
    state_variance: float = 1.0
    clicks: Pairs | None = None
    conversions: Pairs | None = None
    bank: Tensor | None = None
    own: Tensor | None = None


def distill(batch: Batch) -> Tensor:
    """Squared distance to the teacher; equals 2 - 2 cos."""
    return (batch.vectors - batch.targets).square().sum(1).mean()


def relations(batch: Batch) -> Tensor:
    """Divergence of the student's neighbourhoods from the teacher's, within the batch; in nats."""
    itself = torch.arange(len(batch.vectors), device=batch.vectors.device)
    return _divergence(batch.targets @ batch.targets.T, batch.vectors @ batch.vectors.T, itself)


def neighbours(batch: Batch) -> Tensor:
    """Divergence of the student's neighbourhoods from the teacher's, among all texts of the bank;
    in nats. 0 without a bank.
    """
    if batch.bank is None or batch.own is None:
        return batch.vectors.new_zeros(())
    return _divergence(batch.targets @ batch.bank.T, batch.vectors @ batch.bank.T, batch.own)


def _divergence(taught: Tensor, learned: Tensor, itself: Tensor) -> Tensor:
    """KL of cosines (n, others) as shares, mean over the texts; `itself` (n,) is the column that is
    the text, -1 for none.
    """
    rows = torch.nonzero(itself >= 0)[:, 0]
    at = rows, itself[rows]
    lifted, found = (cosines / RELATION_TEMPERATURE for cosines in (taught, learned))
    lifted[at], found[at] = -1e4, -1e4
    return functional.kl_div(
        found.log_softmax(1), lifted.log_softmax(1), reduction="batchmean", log_target=True
    )


def tokens(batch: Batch) -> Tensor:
    """Squared error of the tokens' states, 1 for a student that says the mean; 0 where the batch
    has no states.
    """
    if batch.states is None or batch.state_targets is None:
        return batch.vectors.new_zeros(())
    return (batch.states - batch.state_targets).square().mean() / batch.state_variance


def click(batch: Batch) -> Tensor:
    """In-batch sampled softmax over clicks; 0 where the batch has none."""
    return _next_item(batch.vectors, batch.clicks)


def conversion(batch: Batch) -> Tensor:
    """In-batch sampled softmax over conversions; 0 where the batch has none."""
    return _next_item(batch.vectors, batch.conversions)


def uniformity(batch: Batch) -> Tensor:
    """How crowded the vectors are: 0 when all are the same, -2 x scale at most when they are spread
    evenly.
    """
    apart = torch.pdist(batch.vectors).square()  # (n (n - 1) / 2,)
    return torch.logsumexp(-UNIFORMITY_SCALE * apart, 0) - torch.log(
        torch.tensor(float(len(apart)))
    )


def _next_item(vectors: Tensor, pairs: Pairs | None) -> Tensor:
    if pairs is None or len(pairs.before) < 2:  # one pair has no negative
        return vectors.new_zeros(())
    # (m, m)
    logits = vectors[pairs.before] @ vectors[pairs.after].T / BEHAVIOUR_TEMPERATURE - pairs.log_q
    # subtle: another row of the same item is no negative, it is the positive again.
    same = pairs.items[:, None] == pairs.items[None, :]
    same.fill_diagonal_(False)
    return functional.cross_entropy(
        logits.masked_fill(same, -1e4), torch.arange(len(logits), device=logits.device)
    )


LOSSES: dict[str, Callable[[Batch], Tensor]] = {
    "distill": distill,
    "relations": relations,
    "neighbours": neighbours,
    "tokens": tokens,
    "click": click,
    "conversion": conversion,
    "uniformity": uniformity,
}


def total(batch: Batch, weights: dict[str, float]) -> tuple[Tensor, dict[str, float]]:
    """Weighted sum of the losses with a weight, and each of them by itself.

    Raises
    ------
    ValueError
        a weight for a loss that there is not.

    """
    if unknown := weights.keys() - LOSSES.keys():
        msg = (
            f"expected weights for losses among {', '.join(LOSSES)}, found "
            f"{', '.join(sorted(unknown))}"
        )
        raise ValueError(msg)
    parts = {name: LOSSES[name](batch) for name, weight in weights.items() if weight}
    summed = sum(
        (weights[name] * part for name, part in parts.items()), batch.vectors.new_zeros(())
    )
    return summed, {name: float(part.detach()) for name, part in parts.items()}
