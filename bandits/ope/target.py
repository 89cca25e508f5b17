"""The policy under test, as probabilities: what it would have shown, and how likely.

A target is frozen: it does not learn from the rows that it is judged on. `from_policy` fits it on
the counts of the training part, which is what keeps the judgement free of leakage.

    table[s, l, a] = P(item a stands at position l | segment s)

How the positions of one slate hang together is said by `slots`, because the slate estimators need
more than this table: `independent` (each position drawn by itself from the table), `sequential`
(Plackett-Luce: an item is drawn in proportion to `weights` among those not placed yet), `joint`
(only the marginal table is known; Thompson sampling and all Monte Carlo ones).
"""

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np

from bandits.arms import Need, Policy
from bandits.counts import Counts
from bandits.learning.priors import PriorConfig, arm_view
from bandits.ope.log import F64, LogError, Shape
from bandits.ope.support import check_room

# draws behind a Monte Carlo table: a probability of 1/34 is then known to 9% (one sd); more is
# slower
N_DRAWS = 4000
CHUNK = 2_000_000  # scores drawn at once, 16 MB

Slots = Literal["independent", "sequential", "joint"]
DrawScores = Callable[[int, int], F64]  # (segment, n) -> scores (n, n_items)


class Target(NamedTuple):
    """A policy under test.

    Attributes
    ----------
    name : str
        Said in the report.
    table : (n_segments, n_positions, n_items) float64
        Probability of each item at each position; each (segment, position) sums to 1.
    slots : str
        `independent`, `sequential` or `joint`; see the module.
    weights : (n_segments, n_items) float64 or None
        Plackett-Luce weights, for `sequential`.
    """

    name: str
    table: F64
    slots: Slots = "joint"
    weights: F64 | None = None


def fixed(name: str, table: F64, slots: Slots = "independent") -> Target:
    """Make a target of given probabilities (n_segments, n_positions, n_items).

    Raises
    ------
    LogError
        A row of the table is not a probability distribution.
    """
    if (
        table.ndim != 3
        or not np.isfinite(table).all()
        or (table < 0).any()
        or not np.allclose(table.sum(axis=2), 1)
    ):
        msg = (
            "expected probabilities (segments, positions, items) that sum to 1 over the items, "
            f"found {table.shape}"
        )
        raise LogError(msg)
    return Target(name, np.asarray(table, dtype=np.float64), slots)


def uniform(shape: Shape) -> Target:
    """Make the policy that puts every item everywhere with equal probability, without repeats
    within a slate.

    Raises
    ------
    LogError
        There are more positions than items.
    """
    check_room(shape.n_positions, shape.n_items)
    table = np.full(shape, 1 / shape.n_items)
    return Target("uniform", table, "sequential", np.ones((shape.n_segments, shape.n_items)))


def plackett_luce(name: str, weights: F64, n_positions: int, rng: np.random.Generator) -> Target:
    """Make the policy that fills a slate from the top, drawing in proportion to `weights`
    (n_segments, n_items), each > 0.

    The marginal table is Monte Carlo from position 1 on (Gumbel keys: adding Gumbel noise to log
    weights and sorting draws exactly such slates; Kool, van Hoof & Welling 2019).
    """

    def draw(segment: int, n: int) -> F64:
        # (n, n_items)
        keys: F64 = np.log(weights[segment]) + rng.gumbel(size=(n, weights.shape[1]))
        return keys

    shape = Shape(weights.shape[0], n_positions, weights.shape[1])
    table = _tabulate(draw, shape, N_DRAWS, rng)
    table[:, 0] = weights / weights.sum(axis=1, keepdims=True)
    return Target(name, table, "sequential", weights)


def from_policy(
    policy: Policy,
    counts: Counts,
    shape: Shape,
    rng: np.random.Generator,
    config: PriorConfig | None = None,
    vectors: F64 | None = None,
    n_draws: int = N_DRAWS,
) -> Target:
    """Make the target that shows the `n_positions` best items of `policy`, frozen at `counts`.

    Parameters
    ----------
    policy
        One of `bandits.policies.registry.POLICIES`.
    counts
        What it has learned: sums over the training part, (n_segments, n_items) of `shape`.
    shape
        Of the table to make.
    rng
        Draws of the policy, and of the tie-break.
    config, vectors
        Priors and item embeddings, as `bandits.learning.priors.arm_view` takes them.
    n_draws
        Draws of the policy behind each table; more is smoother and slower.

    Raises
    ------
    LogError
        There are more positions than items, counts of another shape, or no vectors for a policy
        that is judged by them.

    """
    check_room(shape.n_positions, shape.n_items)
    if policy.of_vectors and vectors is None:
        msg = (
            f"expected item vectors for policy {policy.name}, found none; give --items with "
            "vectors, or judge another policy"
        )
        raise LogError(msg)
    if counts.clicks.shape != (shape.n_segments, shape.n_items):
        msg = (
            f"expected counts of {shape.n_segments} segments and {shape.n_items} items, found "
            f"{counts.clicks.shape}; make both from one log"
        )
        raise LogError(msg)
    views = [arm_view(counts, segment, config, vectors) for segment in range(shape.n_segments)]

    def draw(segment: int, n: int) -> F64:
        return policy.draws(views[segment], rng, n)  # (n, n_items)

    table = _tabulate(draw, shape, n_draws, rng)
    ranked = policy.needs is Need.DETERMINISTIC and bool(np.isin(table, (0.0, 1.0)).all())
    return Target(policy.name, table, "independent" if ranked else "joint")


def _tabulate(draw: DrawScores, shape: Shape, n_draws: int, rng: np.random.Generator) -> F64:
    """Count how often each item stands at each position over `n_draws` draws; ties fall
    at random.
    """
    table = np.zeros(shape)  # (n_segments, n_positions, n_items)
    step = max(1, CHUNK // shape.n_items)
    for segment in range(shape.n_segments):
        for start in range(0, n_draws, step):
            scores = draw(segment, min(step, n_draws - start))  # (n, n_items)
            tie_break = rng.random(scores.shape)  # (n, n_items)
            # (n, n_positions)
            order = np.lexsort((tie_break, -scores), axis=1)[:, : shape.n_positions]
            for position in range(shape.n_positions):
                table[segment, position] += np.bincount(order[:, position], minlength=shape.n_items)
    return table / n_draws
