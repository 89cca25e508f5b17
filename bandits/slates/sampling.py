"""Draws of the signals of one eligible set: how many, for which items, and the values.

With a plain weighted average the draws themselves narrow the items down: the best are drawn first,
and T, the lowest k-th best score among all draws, is a floor that the rest must be able to reach:

    drawn = best + { a : high_a >= T },   P(a draw of another item exceeds T) <= delta each

Draws of the best are independent of the others', so the bound holds given T. Of those that pass T
seldom only the draws above it are made (`bandits.slates.exceedances`), so that a long tail gets as
many draws as anything else; below T they stand as the lowest score there is, which no slate shows.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats, Need
from bandits.slates.config import DEFAULT
from bandits.slates.exceedances import exceedances, tail
from bandits.slates.odds import raised
from bandits.slates.pareto_order import LONGEST_PREFIX
from bandits.slates.reachable import weighted_bounds
from bandits.slates.sample_cache import kept_draws, of_items
from bandits.slates.segment import ITEMWISE, Scorer, SegmentView
from bandits.slates.signals import Signals, weighted_sum

# Fewest draws of a pool. 32 slates of everything at 100,000 equal items are 0.2 s; fewer would
# show the same few slates all through a snapshot.
FEWEST_DRAWS = 32
# Item draws that one pool may cost: 2^18 Beta draws are about 13 ms, so that a snapshot of 1,000
# items that screening cannot tell apart yet takes milliseconds. More is finer propensities of cold
# segments.
DRAW_BUDGET = 1 << 18
DEFAULT_DRAWS = DEFAULT.draws
# The same for a pool that serves one request only: about 1 ms, and an eighth of the draws, which
# every item that is named is drawn for.
SINGLE_BUDGET = 1 << 14
SINGLE_SHARE = 8
FEWEST_SINGLE = 16
# Sorting a row costs about four times as much as drawing it.
COST_OF_RANKS = 4
# Best items drawn first, at least: fewer make a low floor, more are drawn for nothing.
FIRST_DRAWN = 32
# Items that pass the floor in fewer draws than this share are drawn above it only.
SELDOM = 0.05
COST_OF_PASSING = 10  # a draw above a level costs as much as this many draws


class Drawn(NamedTuple):
    """Items that were drawn, (m,), and their signals."""

    items: NDArray[np.int64]
    signals: Signals


def n_draws(
    view: SegmentView, scorers: Sequence[Scorer], n_items: int, n_seen: int, *, single: bool
) -> int:
    """How many draws a pool can afford.

    Parameters
    ----------
    view, scorers
        The segment, whose policy file holds the most, and the signals.
    n_items
        Items to draw for.
    n_seen
        Items whose vectors diversity looks at in each draw.
    single
        Whether the pool serves one request only.

    """
    most = most_draws(view, single=single)
    least, budget = (FEWEST_SINGLE, SINGLE_BUDGET) if single else (FEWEST_DRAWS, DRAW_BUDGET)
    # who asks for more draws pays for them, cold segments too
    budget = budget * view.config.draws // DEFAULT_DRAWS
    wide = any(v.policy is not None and v.policy.name not in ITEMWISE for v in scorers)
    cost = max(view.mean.size if wide else n_items, 1)
    if view.config.combiner in ("rrf", "team_draft"):
        cost *= COST_OF_RANKS
    if view.config.combiner == "pareto":
        cost = max(cost, LONGEST_PREFIX)  # pairs are compared in every draw
    if view.vectors is not None and view.config.diversity.kind != "none":
        # 16 multiplications are about one Beta draw
        cost = max(cost, n_seen * view.vectors.shape[1] // 16)
    return int(np.clip(budget // cost, min(least, most), most))


def most_draws(view: SegmentView, *, single: bool) -> int:
    """Most draws of a pool: what the policy file says, an eighth of it for one request."""
    return max(view.config.draws // SINGLE_SHARE, 1) if single else view.config.draws


def draw(
    view: SegmentView,
    scorers: Sequence[Scorer],
    items: NDArray[np.int64],
    n: int,
    rng: np.random.Generator,
    *,
    narrow_to: int | None = None,
    most: int = 0,
    single: bool = False,
) -> Drawn:
    """Draw the signals of some items n times.

    Parameters
    ----------
    view, scorers
        The segment, and the signals over all its items.
    items
        (m,) int64.
    n
        Draws; fixed signals have one row all the same.
    rng
        All the randomness.
    narrow_to
        Places that count where the score is the plain weighted sum: items that cannot reach them
        are left out.
    most
        Draws to make where they can be had above a level only, if more than n: what is saved on
        items that hardly ever reach a slate.
    single
        Whether the pool serves one request only: it then shares its draws with others like it
        (`bandits.slates.sample_cache`).

    """
    weights, names = tuple(v.weight for v in scorers), tuple(v.name for v in scorers)
    bounds = weighted_bounds(scorers, items)
    drawn = [v for v in scorers if v.policy is not None]
    independent = all(
        v.policy is not None and v.policy.needs is Need.INDEPENDENT_DRAW for v in drawn
    )
    kept_of = most_draws(view, single=True) if single else 0
    n_first = 0 if narrow_to is None else max(FIRST_DRAWN, 2 * narrow_to)
    if (
        narrow_to is None
        or bounds is None
        or not drawn
        or not independent
        or items.size < 2 * n_first
    ):
        return Drawn(
            items,
            Signals(
                names, weights, tuple(_values(view, v, items, n, rng, kept_of) for v in scorers)
            ),
        )
    order = np.argsort(-(bounds[0] + bounds[1]), kind="stable")  # by the middle of the bounds
    first, rest = order[:n_first], order[n_first:]
    only = drawn[0].policy if len(drawn) == 1 and most > n else None
    betas = None if only is None else only.betas
    n_most = n if betas is None else most
    best = [_values(view, v, items[first], n_most, rng, kept_of) for v in scorers]
    sums = weighted_sum(Signals(names, weights, tuple(best)))  # (n_most, n_first)
    floor = float(np.partition(sums, n_first - narrow_to, axis=1)[:, n_first - narrow_to].min())
    rest = rest[bounds[1][rest] >= floor]
    if betas is not None:
        level = np.maximum((floor - _fixed(scorers, items[rest])) / drawn[0].weight, 0.0)
        return _with_seldom(view, scorers, betas, items[first], items[rest], best, level, n, rng)
    others = [_values(view, v, items[rest], n, rng, kept_of) for v in scorers]
    values = tuple(np.concatenate(pair, axis=1) for pair in zip(best, others, strict=True))
    return Drawn(items[np.concatenate([first, rest])], Signals(names, weights, values))


def _fixed(scorers: Sequence[Scorer], items: NDArray[np.int64]) -> Floats:
    """What no draw changes of the weighted sum, (n_items,)."""
    total = np.zeros(items.size)
    for v in scorers:
        if v.fixed is not None:
            total = total + v.weight * v.fixed[items]
    return total


def _with_seldom(
    view: SegmentView,
    scorers: Sequence[Scorer],
    betas: Callable[[ArmView], tuple[Floats, Floats]],
    first: NDArray[np.int64],
    rest: NDArray[np.int64],
    best: list[Floats],
    level: Floats,
    n: int,
    rng: np.random.Generator,
) -> Drawn:
    """Draw the rest, those that pass their `level` (n_rest,) seldom above it only; as many rows of
    `best` are used as the budget of a pool allows, n at least.
    """
    alpha, beta = betas(of_items(view.arms, rest))  # (n_rest,)
    p = tail(alpha, beta, level)
    often = p > SELDOM
    price = first.size + often.sum() + COST_OF_PASSING * p[~often].sum()  # of one draw
    most = max(own.shape[0] for own in best)
    n = int(np.clip(DRAW_BUDGET * view.config.draws // DEFAULT_DRAWS / price, n, most))
    passed = exceedances(alpha[~often], beta[~often], p[~often], n, rng)
    kept, columns = np.unique(passed.columns, return_inverse=True)
    some = np.concatenate([rest[often], rest[~often][kept]])  # (n_some,)
    values = []
    for v, own in zip(scorers, best, strict=True):
        if v.fixed is not None:
            values.append(np.concatenate([own, v.fixed[None, some]], axis=1))
            continue
        drawn = np.full((n, some.size), -np.inf)  # subtle: below the floor, and so in no slate
        n_often = int(often.sum())
        drawn[:, :n_often] = _values(view, v, rest[often], n, rng, 0)
        drawn[passed.rows, n_often + columns] = v.rescale(passed.values)
        values.append(np.concatenate([own[:n], drawn], axis=1))
    names, weights = tuple(v.name for v in scorers), tuple(v.weight for v in scorers)
    return Drawn(np.concatenate([first, some]), Signals(names, weights, tuple(values)))


def _values(
    view: SegmentView,
    scorer: Scorer,
    items: NDArray[np.int64],
    n: int,
    rng: np.random.Generator,
    kept_of: int,
) -> Floats:
    """Values of one voice, (n, m), or (1, m) where it is fixed."""
    if scorer.policy is None:
        return np.asarray(scorer.fixed, dtype=np.float64)[None, items]
    if scorer.policy.name not in ITEMWISE:
        drawn = scorer.policy.draws(view.arms, rng, n)[:, items]
    elif kept_of:
        drawn = kept_draws(view.kept, scorer.policy, view.arms, items, n, kept_of, view.rng)
    else:
        drawn = scorer.policy.draws(of_items(view.arms, items), rng, n)
    rates = scorer.rescale(drawn)
    return rates if scorer.odds is None else raised(rates, scorer.odds[items])
