"""See a log through one policy: weights, matches and modelled rewards for every row.

    w_i        = table[s_i, l_i, a_i] / p_i                                       marginal
    propensities
    w_i,1:l    = product over the rows above and this one of pi(a | above) / p(a | above)
    conditional propensities

With `conditional=False` (the contract) `propensity` is the probability of the item at its position,
whatever stands above; with `conditional=True` it is that of the item given the items above it in
the slate, which is what RIPS and cascade DR need.
"""

from typing import NamedTuple

import numpy as np

from bandits.ope.balance import average_weights
from bandits.ope.log import F64, I64, Log, LogError, Shape, reward_of, take, validate
from bandits.ope.reward_model import RewardModel
from bandits.ope.target import Target
from bandits.ope.terms import Sample

# relative spread of propensities that are still called equal (they are written with few digits)
UNIFORM_TOLERANCE = 1e-6


def sample_of(
    log: Log,
    target: Target,
    rng: np.random.Generator,
    model: RewardModel | None = None,
    reward: str = "click",
    *,
    conditional: bool = False,
) -> Sample:
    """Return the sample that estimators read.

    Parameters
    ----------
    log
        Rows to judge on: not those that `target` or `model` were fitted on.
    target
        The policy under test.
    rng
        Draws of the target for replay.
    model
        Modelled rewards; None leaves the direct method and doubly robust out.
    reward
        `click`, `conversion` or `value`.
    conditional
        What the propensities are; see the module.

    Raises
    ------
    LogError
        The log is invalid, does not fit the target's shape, or its slates have gaps where
        conditional propensities need none.
    """
    shape = Shape(*target.table.shape)
    validate(log, shape)
    slate: I64 = np.unique(log.slate, return_inverse=True)[1]  # (n,) 0 .. m - 1
    order = np.lexsort((log.position, slate))
    log, slate = take(log, order), slate[order]  # rows of a slate from top to bottom
    cell = (log.segment, log.position)
    sample = Sample(
        reward=reward_of(log, reward),
        slate=slate,
        position=log.position,
        weight=target.table[*cell, log.item] / log.propensity,
        balanced=None if conditional else average_weights(log, target.table),
        segment=log.segment,
        item=log.item,
        matched=_matches(log, target, rng) if not conditional and drawn_uniformly(log) else None,
    )
    if model is not None:
        q_target = (target.table * model.table).sum(axis=2)  # (n_segments, n_positions)
        sample = sample._replace(q_logged=model.table[*cell, log.item], q_target=q_target[cell])
    if conditional:
        sample = _given_above(sample, log, target, model)
    return sample


def drawn_uniformly(log: Log) -> bool:
    """Say whether, in each segment and position, all logged items had the same propensity."""
    n_positions = int(log.position.max()) + 1
    cell = log.segment * n_positions + log.position  # (n,)
    low = np.full(int(cell.max()) + 1, np.inf)
    high = np.zeros(int(cell.max()) + 1)
    np.minimum.at(low, cell, log.propensity)
    np.maximum.at(high, cell, log.propensity)
    return bool((high <= np.where(high > 0, low, 0.0) * (1 + UNIFORM_TOLERANCE)).all())


def _matches(log: Log, target: Target, rng: np.random.Generator) -> F64:
    """Draw one item per row from the target, and say where it is the logged one; (n,) 0 or 1."""
    matched = np.zeros(log.item.size)
    u = rng.random(log.item.size)  # (n,)
    for segment in range(target.table.shape[0]):
        for position in range(target.table.shape[1]):
            here = (log.segment == segment) & (log.position == position)  # (n,)
            edges = np.cumsum(target.table[segment, position])  # (n_items,)
            # first item whose edge is above the draw
            drawn = np.searchsorted(edges, u[here] * edges[-1], side="right")
            matched[here] = drawn == log.item[here]
    return matched


class _Given(NamedTuple):
    probability: F64  # (n,) of the logged item, given those above it
    # (n,) modelled reward of this position, expected under the target given those above
    q: F64 | None


def _given_above(sample: Sample, log: Log, target: Target, model: RewardModel | None) -> Sample:
    """Add the prefix weights, and the modelled rewards of the rest of the slate."""
    top = np.concatenate([[True], sample.slate[1:] != sample.slate[:-1]])  # (n,)
    if (log.position[top] != 0).any() or (np.diff(log.position)[~top[1:]] != 1).any():
        msg = (
            "expected slates whose positions run from 0 without a gap, found gaps; conditional "
            "propensities need whole slates"
        )
        raise LogError(msg)
    if target.slots == "joint":
        return sample  # pi(a | above) is not known: RIPS and cascade DR will say so
    given = (
        _sequential(sample, log, target, model)
        if target.slots == "sequential"
        else _independent(log, target, sample)
    )
    ratio = given.probability / log.propensity  # (n,)
    prefix = ratio.copy()
    for position in range(1, int(log.position.max()) + 1):
        rows = np.flatnonzero(log.position == position)
        prefix[rows] *= prefix[rows - 1]  # the row above stands right before: rows are sorted
    sample = sample._replace(weight=ratio, prefix_weight=prefix)
    if model is None or sample.q_logged is None or sample.q_target is None or given.q is None:
        return sample
    # (n,) of the rows below
    below = _sum_within(sample.q_target[::-1], sample.slate[::-1])[::-1] - sample.q_target
    return sample._replace(q_rest_logged=sample.q_logged + below, q_rest_target=given.q + below)


def _independent(log: Log, target: Target, sample: Sample) -> _Given:
    return _Given(target.table[log.segment, log.position, log.item], sample.q_target)


def _sequential(sample: Sample, log: Log, target: Target, model: RewardModel | None) -> _Given:
    """Plackett-Luce: pi(a | above) = w_a / (W - sum of w above), W the sum over all items."""
    if target.weights is None:
        msg = f"expected Plackett-Luce weights on the sequential target {target.name!r}, found none"
        raise LogError(msg)
    w = target.weights[log.segment, log.item]  # (n,)
    left = target.weights.sum(axis=1)[log.segment] - (_sum_within(w, sample.slate) - w)  # (n,)
    if model is None:
        return _Given(w / left, None)
    placed = np.zeros(w.size)  # (n,) sum over the items above of w_a q_la
    # (n,) top row
    start = np.flatnonzero(np.concatenate([[True], sample.slate[1:] != sample.slate[:-1]]))[
        sample.slate
    ]
    for distance in range(1, int(log.position.max()) + 1):
        rows = np.flatnonzero(np.arange(w.size) - distance >= start)
        higher = rows - distance
        placed[rows] += (
            w[higher] * model.table[log.segment[rows], log.position[rows], log.item[higher]]
        )
    # (n,)
    everything = (target.weights[:, None, :] * model.table).sum(axis=2)[log.segment, log.position]
    return _Given(w / left, (everything - placed) / left)


def _sum_within(rows: F64, slate: I64) -> F64:
    """Return running sums of `rows` (n,) that start anew at each slate, this row included; rows of
    a slate are adjacent.
    """
    running = np.cumsum(rows)  # (n,)
    is_first = np.concatenate([[True], slate[1:] != slate[:-1]])  # (n,)
    before = np.where(is_first, running - rows, 0.0)  # (n,) what earlier slates add up to
    # (n,) index of the slate's first row
    first = np.maximum.accumulate(np.where(is_first, np.arange(rows.size), 0))
    result: F64 = running - before[first]
    return result
