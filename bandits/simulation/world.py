"""A world with a known best slate: who visits, what they like, how far down they look, and when
rates change or items arrive.

    visit: segment s with probability share_s; place j is looked at with probability e_j; a click is
    looked at and Bernoulli(theta_si) regret of a slate = sum_j e_j (theta of the j-th best
    available item - theta of the item shown at j), in expected clicks

The best slate of a segment puts its items in the order of their rates, since e falls with the
place.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats

Ints = NDArray[np.int64]


class World(NamedTuple):
    """What the learner does not know.

    Attributes
    ----------
    name
        As reports print it.
    rates
        (n_segments, n_items) theta in [0, 1].
    share
        (n_segments,) visits by segment, summing to 1.
    examination
        (n_places,) probability that a place is looked at, falling.
    delay
        Visits after which the feedback on a slate comes, clicks and their absence alike.
    rates_after, change_at
        Rates from visit `change_at` on; None never changes.
    arrives_at
        (n_items,) visit from which an item can be shown; None has all from the start.

    """

    name: str
    rates: Floats
    share: Floats
    examination: Floats
    delay: int = 0
    rates_after: Floats | None = None
    change_at: int = 0
    arrives_at: Ints | None = None


class WorldError(ValueError):
    """A world that cannot be visited."""


def check_world(world: World) -> None:
    """Refuse a world that cannot be visited.

    Raises
    ------
    WorldError
        On rates outside [0, 1], shares that do not sum to 1, examination that rises or leaves (0,
        1], more places than items at the start, or arrays that do not fit.

    """
    n_segments, n_items = world.rates.shape
    for rates in (world.rates, world.rates if world.rates_after is None else world.rates_after):
        if rates.shape != (n_segments, n_items) or not ((rates >= 0) & (rates <= 1)).all():
            message = (
                f"rates must be (n_segments, n_items) in [0, 1], found shape {rates.shape} from "
                f"{rates.min()} to {rates.max()}"
            )
            raise WorldError(message)
    if (
        world.share.shape != (n_segments,)
        or not (world.share >= 0).all()
        or abs(float(world.share.sum()) - 1) > 1e-9
    ):
        message = f"share must be {n_segments} numbers that sum to 1, found {world.share.tolist()}"
        raise WorldError(message)
    e = world.examination
    if not ((e > 0) & (e <= 1)).all() or (np.diff(e) > 0).any():
        message = f"examination must fall from place to place within (0, 1], found {e.tolist()}"
        raise WorldError(message)
    present = int(available(world, 0).sum())
    if e.size > present:
        message = f"a slate of {e.size} places needs as many items from the start, found {present}"
        raise WorldError(message)


def rates_at(world: World, visit: int) -> Floats:
    """Rates in force, (n_segments, n_items)."""
    return (
        world.rates if world.rates_after is None or visit < world.change_at else world.rates_after
    )


def available(world: World, visit: int) -> NDArray[np.bool_]:
    """Items that can be shown, (n_items,) bool."""
    if world.arrives_at is None:
        return np.ones(world.rates.shape[1], dtype=np.bool_)
    return world.arrives_at <= visit


def best_rates(world: World, visit: int) -> Floats:
    """Rates of the best slate, (n_segments, n_places), best first."""
    rates = np.where(available(world, visit), rates_at(world, visit), -1.0)
    n_places = world.examination.size
    return np.asarray(-np.sort(-rates, axis=1)[:, :n_places], dtype=np.float64)


def slate_regret(world: World, visit: int, segments: Ints, items: Ints) -> Floats:
    """Regret of every place of the slates shown, (n_visits, n_places), in expected clicks.

    Parameters
    ----------
    world, visit
        The world, and the visit at which the slates are judged.
    segments
        (n_visits,) segment of each.
    items
        (n_visits, n_places) items from the top.

    """
    shown = rates_at(world, visit)[segments[:, None], items]  # (n_visits, n_places)
    return (best_rates(world, visit)[segments] - shown) * world.examination


def uniform_regret(world: World, n_visits: int) -> float:
    """Expected regret of slates in random order, in clicks."""
    total = 0.0
    stops = sorted(
        {
            0,
            n_visits,
            *(world.arrives_at.tolist() if world.arrives_at is not None else []),
            world.change_at,
        }
    )
    stops = [stop for stop in stops if stop <= n_visits]
    for begin, end in itertools.pairwise(stops):
        mean = rates_at(world, begin)[:, available(world, begin)].mean(axis=1)  # (n_segments,)
        lost = ((best_rates(world, begin) - mean[:, None]) * world.examination).sum(axis=1)
        total += (end - begin) * float(world.share @ lost)
    return total


def trade_places(rates: Floats, share: Floats, n_best: int, rng: np.random.Generator) -> Floats:
    """Drift: the `n_best` items that are best over all segments trade their rates with as many
    others, (n_segments, n_items).
    """
    order = np.argsort(-(share @ rates), kind="stable")  # (n_items,)
    best, others = order[:n_best], rng.choice(order[n_best:], size=n_best, replace=False)
    source = np.arange(rates.shape[1])
    source[best], source[others] = others, best
    return rates[:, source]
