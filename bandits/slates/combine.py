"""The registry of combiners: how several signals become one order.

    weighted     score = sum_i w_i x_i                      x_i calibrated: see
                                                            `bandits.slates.objectives`
    rrf          score = sum_i w_i / (60 + rank_i)          ranks only, whatever the scales
    team_draft   signals pick in turn                       `bandits.slates.team_draft`
    pareto       non-dominated items first                  `bandits.slates.pareto_order`

What "calibrated" means for `weighted`: policies of the click objective keep their scores, which are
click rates (a draw, an upper bound, a mean); a policy whose score is not a rate (`softmax`,
`random`, `thompson_gaussian`) is brought to mean and spread of the click objective, like every
other objective. Wrong tool: `weighted` where one signal is heavy-tailed (use `rrf`); `rrf` where
differences of score matter, as it sees ranks only.
"""

from __future__ import annotations

import numpy as np

from bandits.arms import Floats
from bandits.slates.pareto_order import pareto
from bandits.slates.signals import Combined, Combiner, Signals, weighted_sum
from bandits.slates.team_draft import team_draft

# Cormack, Clarke & Buettcher (2009), Reciprocal Rank Fusion ...: 60 was best there and is flat
# around; smaller lets the first place of one signal outvote all others.
RRF_K = 60.0

# Policies whose score is not a click rate, so that a weighted average has to rescale them:
# logarithms, uniform numbers, values per look.
NOT_A_RATE = frozenset({"softmax", "random", "thompson_gaussian"})


def weighted(signals: Signals, depth: int, rng: np.random.Generator) -> Combined:
    """Weighted average of calibrated scores."""
    return Combined(weighted_sum(signals), {})


def reciprocal_rank(signals: Signals, depth: int, rng: np.random.Generator) -> Combined:
    """Reciprocal-rank fusion over the first `depth` of each signal; an item further down a list
    earns nothing there.

    Equal scores share the better rank, so no tie is broken before the fusion. Part `rank_NAME` is
    the rank from 1, or 0 beyond the list.
    """
    score = np.zeros((1, signals.values[0].shape[1]))
    parts = {}
    for name, weight, value in zip(signals.names, signals.weights, signals.values, strict=True):
        rank = competition_rank(value)  # (n_draws or 1, n_items)
        rank = np.where(rank <= depth, rank, 0.0)
        parts[f"rank_{name}"] = rank
        score = score + np.where(rank > 0, weight / (RRF_K + rank), 0.0)
    return Combined(score, parts)


def competition_rank(x: Floats) -> Floats:
    """1 + how many of the row are larger, (n_rows, n_items).

    Examples
    --------
    >>> competition_rank(np.array([[0.2, 0.5, 0.2, 0.1]]))
    array([[2., 1., 2., 4.]])

    """
    order = np.argsort(-x, axis=1)  # (n_rows, n_items)
    ordered = np.take_along_axis(x, order, axis=1)
    place = np.broadcast_to(np.arange(1.0, x.shape[1] + 1), x.shape)
    first = np.concatenate(
        [np.ones((x.shape[0], 1), dtype=np.bool_), ordered[:, 1:] != ordered[:, :-1]], axis=1
    )
    rank = np.empty(x.shape)
    np.put_along_axis(
        rank, order, np.maximum.accumulate(np.where(first, place, 0.0), axis=1), axis=1
    )
    return rank


COMBINERS: dict[str, Combiner] = {
    "weighted": weighted,
    "rrf": reciprocal_rank,
    "team_draft": team_draft,
    "pareto": pareto,
}
