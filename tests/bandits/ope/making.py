"""Logs for the tests: one that fits on paper, and all slates that a policy can make with the
rewards known.
"""

import itertools
from typing import NamedTuple

import numpy as np

from bandits.ope.log import Log
from bandits.ope.reward_model import RewardModel
from bandits.ope.target import Target, fixed

PAPER = """
    slate  item  p    r        target at the top (3/4, 1/8, 1/8), below (1/4, 1/4, 1/2)
    0      0    1/2   1        w = 3/2
           1    1/4   0            1
    1      2    1/4   0            1/2
           0    1/4   1            1
    2      1    1/4   1            1/2
           2    1/4   0            2
    model at the top (0.6, 0.4, 0.2), below (0.3, 0.2, 0.1)
"""


def rows(**columns: list[float] | np.ndarray) -> Log:
    """A log of the columns given; slates of one, one segment, top position, no feedback where
    nothing is said.
    """
    n = len(columns["item"])
    default: dict[str, np.ndarray] = {
        "slate": np.arange(n),
        "position": np.zeros(n),
        "segment": np.zeros(n),
        "click": np.zeros(n),
        "conversion": np.zeros(n),
        "value": np.zeros(n),
        "time_s": np.arange(n, dtype=float),
    }
    whole = {"slate", "position", "item", "segment"}
    merged = default | {name: np.asarray(column) for name, column in columns.items()}
    return Log(
        **{
            name: merged[name].astype(np.int64 if name in whole else np.float64)
            for name in Log._fields
        }
    )


def paper_log() -> Log:
    """The log of `PAPER`."""
    return rows(
        slate=[0, 0, 1, 1, 2, 2],
        position=[0, 1, 0, 1, 0, 1],
        item=[0, 1, 2, 0, 1, 2],
        propensity=[1 / 2, 1 / 4, 1 / 4, 1 / 4, 1 / 4, 1 / 4],
        click=[1, 0, 0, 1, 1, 0],
    )


def paper_target() -> Target:
    return fixed("paper", np.array([[[3 / 4, 1 / 8, 1 / 8], [1 / 4, 1 / 4, 1 / 2]]]))


def paper_model() -> RewardModel:
    return RewardModel(np.array([[[0.6, 0.4, 0.2], [0.3, 0.2, 0.1]]]), rewarded=3)


class AllSlates(NamedTuple):
    """Every slate of two out of `n_items` that Plackett-Luce with `logged` weights can make, once
    each.
    """

    log: Log  # propensities given the items above, rewards as known
    probability: np.ndarray  # (m,) of each slate under the logging policy
    truth: float  # what the target earns per slate


def all_slates(logged: np.ndarray, target: np.ndarray, reward: np.ndarray) -> AllSlates:
    """`reward` is (n_items, n_items, 2): at the top and below, of the slate (first, second)."""
    pairs = list(itertools.permutations(range(logged.size), 2))
    given = {name: [] for name in ("slate", "position", "item", "propensity", "value")}
    probability, truth = [], 0.0
    for slate, (first, second) in enumerate(pairs):
        p = [w[[first, second]] / np.array([w.sum(), w.sum() - w[first]]) for w in (logged, target)]
        probability.append(p[0].prod())
        truth += p[1].prod() * reward[first, second].sum()
        given["slate"] += [slate, slate]
        given["position"] += [0, 1]
        given["item"] += [first, second]
        given["propensity"] += list(p[0])
        given["value"] += list(reward[first, second])
    return AllSlates(rows(**given), np.array(probability), truth)


def marginal_at_second(weights: np.ndarray) -> np.ndarray:
    """P(item is second) under Plackett-Luce: sum over the first; (n_items,)."""
    total = weights.sum()
    return np.array(
        [
            sum(
                weights[b] / total * weights[a] / (total - weights[b])
                for b in range(weights.size)
                if b != a
            )
            for a in range(weights.size)
        ]
    )
