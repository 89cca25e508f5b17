"""A reward model for the direct method and for doubly robust: shrunken averages, from general to
specific.

    g = sum r / n                                           global mean
    m_a = (sum_a r + k g) / (n_a + k)                       item over all segments
    q_sa = (sum_sa r + k m_a) / (n_sa + k)                  item in the segment
    q_sla = q_sa f_l,   f_l = (sum_l r + k g) / (n_l + k) / g      position as a factor

with k = `strength` / (share of rewarded rows): as many rows as bring `strength` rewards, so that
the shrinkage means the same at a click rate of 17% and of 1.7%. A model this simple explains a
small part of the reward; DR needs no more to stay unbiased.

Wrong tool when clicks depend on what stands beside an item: this model knows the item, its segment
and its place alone.
"""

from typing import NamedTuple

import numpy as np

from bandits.ope.log import F64, Log, Shape, reward_of, validate

# rewards' worth of trust in the more general mean; less overfits rare clicks, more hides items'
# differences
STRENGTH = 10.0


class RewardModel(NamedTuple):
    """Modelled reward of every item at every position in every segment."""

    table: F64  # (n_segments, n_positions, n_items)
    rewarded: int  # rows with a reward that it was fitted on


def fit_reward_model(
    log: Log, shape: Shape, reward: str = "click", strength: float = STRENGTH
) -> RewardModel:
    """Fit q on the training part; a larger `strength` trusts the more general means longer.

    Raises
    ------
    LogError
        The log is invalid for `shape`, or `reward` is not one.
    """
    validate(log, shape)
    r = reward_of(log, reward)  # (n,)
    rewarded = int((r != 0).sum())
    if rewarded == 0:
        return RewardModel(np.zeros(shape), 0)
    k = strength * r.size / rewarded
    g = float(r.mean())
    cell = log.segment * shape.n_items + log.item  # (n,)
    n_cells = shape.n_segments * shape.n_items
    total = np.bincount(cell, weights=r, minlength=n_cells).reshape(shape.n_segments, shape.n_items)
    seen = np.bincount(cell, minlength=n_cells).reshape(shape.n_segments, shape.n_items)
    item = (total.sum(axis=0) + k * g) / (seen.sum(axis=0) + k)  # (n_items,)
    arm = (total + k * item) / (seen + k)  # (n_segments, n_items)
    if g == 0:  # values that cancel out: a factor on a mean of zero says nothing
        return RewardModel(np.repeat(arm[:, None, :], shape.n_positions, axis=1), rewarded)
    # (n_positions,)
    at_position = np.bincount(log.position, weights=r, minlength=shape.n_positions)
    n_position = np.bincount(log.position, minlength=shape.n_positions)  # (n_positions,)
    factor = (at_position + k * g) / (n_position + k) / g  # (n_positions,)
    return RewardModel(arm[:, None, :] * factor[None, :, None], rewarded)
