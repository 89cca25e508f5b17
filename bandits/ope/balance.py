"""Balance heuristic: weigh by the average policy of the log, not by the one that chose this row.

    V = sum_i w_i r_i / sum_i w_i,     w_i = pi(a_i | c_i) / p_bar(a_i | c_i)
    p_bar(a | c) = rows of cell c that show a / rows of c   where they are `FEWEST` at least
                 = that, or the row's propensity where it is less         c: segment and place

A log is made by many policies, one after the other: a snapshot's propensity of an item can be 0
now and 1 later. Over the whole log the item was shown, and only that matters here: weights are as
large as the average policy makes them, not the unluckiest snapshot. The rows of a cell that show an
item are an unbiased count of the propensities that it had; few of them are no count, and what a
floor alone shows, with a propensity far below its share of the rows, keeps that. So a log with a
floor judges what it hardly ever shows, and a log without one what it shows by and by.

The lesser of two is too small on average, and what is shown seldom is mostly what pays little: its
rows together weigh no more than the policy shows of items with few rows or none,

    sum_low w <= sum_c n_c sum_{a: rows of (c, a) < `FEWEST`} pi(a | c)

Not promised: what `ips` promises. Rows of a cell are taken for exchangeable. An item is shown less
after bad luck, so its average is too low by a part of its own standard error (Nie, Tian, Taylor &
Zou 2018, Why Adaptively Collected Data Have Negative Bias), and what all items share does not
average out: the upper limit of the interval is raised by `ADAPTIVE` of it, weighed like the items.
Wrong tool when what a cell pays depends on more than segment, place and item: requests with filters
or candidates of their own, rates that drift while the policy follows them.

Veach & Guibas (1995), Optimally Combining Sampling Techniques for Monte Carlo Rendering; Agarwal,
Basu, Schnabel & Joachims (2017), Effective Evaluation using Logged Bandit Feedback from Multiple
Loggers.
"""

import numpy as np

from bandits.ope.log import F64, Log
from bandits.ope.terms import Sample, Terms, needed, per_slate

# rows of a cell that are a count: fewer are known to half of themselves, and what chance shows once
# would count for many times its propensity
FEWEST = 5
# measured on logs of the default policy (docs/measurements/floor.md): less leaves the truth above
# the interval too often
ADAPTIVE = 0.25


def balance(sample: Sample) -> Terms:
    """Return the terms of the balance heuristic; V is reward per row.

    Raises
    ------
    EstimatorError
        The sample was made without the log's average policy.
    """
    weight, reward = balanced(sample), sample.reward  # (n,)
    remedy = "make the sample with sample_of"
    item = needed(sample.item, "items", remedy)
    place = needed(sample.segment, "segments", remedy) * (sample.position.max() + 1)
    cell = (place + sample.position) * (item.max() + 1) + item
    pair = np.unique(cell, return_inverse=True)[1]  # (n,)
    shown = np.bincount(pair)  # (n_pairs,)
    mean = np.bincount(pair, weights=reward) / shown
    spread = np.bincount(pair, weights=(reward - mean[pair]) ** 2) / shown
    error = np.where(shown >= FEWEST, np.sqrt(spread / shown), 0.0)  # (n_pairs,)
    above = ADAPTIVE * float((weight * error[pair]).sum()) / max(float(weight.sum()), 1e-300)
    weighted = per_slate(weight * reward, sample.slate)
    return Terms(weighted, per_slate(weight, sample.slate), above)


def balanced(sample: Sample) -> F64:
    """Return w (n,), or raise `EstimatorError`."""
    weight: F64 = needed(
        sample.balanced,
        "weights by the log's average policy",
        "propensities given the items above say nothing of the average over a place; use rips",
    )
    return weight


def average_weights(log: Log, table: F64) -> F64:
    """Return w of every row (n,) for a policy `table` (n_segments, n_positions, n_items)."""
    cell = log.segment, log.position, log.item
    weight: F64 = table[cell] / average_policy(log)
    shown = np.zeros(table.shape)
    np.add.at(shown, cell, 1.0)
    seldom = shown < FEWEST  # (n_segments, n_positions, n_items)
    rest = (shown.sum(axis=2) * np.where(seldom, table, 0.0).sum(axis=2)).sum()
    low = seldom[cell]  # (n,)
    together = weight[low].sum()
    if together > rest:
        weight[low] *= rest / together
    return weight


def average_policy(log: Log, fewest: int = FEWEST) -> F64:
    """Return p_bar of every row (n,).

    Examples
    --------
    Item 0 in two of three rows at place 0, where two are enough; item 1 was shown with 0.1.

    >>> one, z = np.ones(3), np.zeros(3, dtype=np.int64)
    >>> log = Log(np.arange(3), z, np.array([0, 0, 1]), z, one * 0.1, one, one, one, one)
    >>> average_policy(log, 2).round(3)
    array([0.667, 0.667, 0.1  ])
    """
    cell = log.segment * (log.position.max() + 1) + log.position  # (n,)
    _, place = np.unique(cell, return_inverse=True)
    _, pair = np.unique(place * (log.item.max() + 1) + log.item, return_inverse=True)
    shown = np.bincount(pair)[pair]  # (n,)
    share = shown / np.bincount(place)[place]  # (n,)
    return np.where(shown >= fewest, share, np.minimum(share, log.propensity))
