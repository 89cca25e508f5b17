"""The exploration floor: a share e of the slots is random, so that everything that may be shown has
a known propensity above zero.

    slates   with probability q = e a slate is uniformly random         `random_slates`
    slots    with probability q = min(e k, 1) one slot of it is random  `random_slot`
    p(a, j)  = (1 - q) p_policy(a, j) + q p_random(a, j)

whichever of the two was served. Both respect the request's items, caps and floors; diversity is a
wish and no limit, and is left out. Pins are what they are.

A floor of e costs e of what the policy earns above random, for ever. An eligible item is at every
place with at least e / n, so it is shown within n log(1 / d) / (e k) requests with probability
1 - d; under limits that hold of classes that random slates reach. Owen & Zhou (2000), Safe and
Effective Importance Sampling (a mixture with a wide component bounds the weights: here by
1 / (e p_random)).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import Floats
from bandits.slates.config import SlateConfig
from bandits.slates.constraints import Limits
from bandits.slates.law import DrawnLaw, Law
from bandits.slates.random_slates import RandomSlates, of_random, random_slate, random_slates
from bandits.slates.random_slot import RandomSlot, of_slot, random_slot, slot_chance, with_slot
from bandits.slates.request import SlateResult
from bandits.slates.segment import SegmentView

Items = NDArray[np.int64]


class Floor(NamedTuple):
    """A policy mixed with randomness.

    Attributes
    ----------
    share
        q, the probability that a slate is touched.
    law
        Of the policy alone.
    random
        The other part.

    """

    share: float
    law: Law | DrawnLaw
    random: RandomSlates | RandomSlot


def make_floor(
    config: SlateConfig,
    limits: Limits | None,
    eligible: Items,
    law: Law | DrawnLaw,
    rng: np.random.Generator,
) -> Floor:
    """Mix a policy with randomness as its file says.

    Parameters
    ----------
    config
        The policy file.
    limits
        Over all items of the segment, or None.
    eligible
        (n,) int64 ascending, without repeats.
    law
        Of the policy's slates of these items.
    rng
        Draws random slates under limits.

    """
    share = share_of(config, law.k)
    if config.exploration.floor_of == "slates":
        return Floor(share, law, random_slates(limits, eligible, law.k, rng))
    return Floor(share, law, random_slot(limits, eligible, law))


def share_of(config: SlateConfig, k: int) -> float:
    """Probability q that a slate of k is touched."""
    e = config.exploration.floor
    return e if config.exploration.floor_of == "slates" else min(e * k, 1.0)


def propensity(floor: Floor, items: Items) -> Floats:
    """Probability of the mixture that items stand at their places, (..., k) like `items`."""
    at, inside = floor.law.of(items)
    random = (
        of_slot(floor.random, items, at, inside)
        if isinstance(floor.random, RandomSlot)
        else of_random(floor.random, items)
    )
    return np.asarray((1 - floor.share) * at + floor.share * random)


def without_limits(config: SlateConfig, k: int, n: int, at: Floats, inside: Floats) -> Floats:
    """The same where nothing binds items together: P and H of the policy are known
    (`bandits.slates.law`), and n items are eligible; any shape.
    """
    slates = config.exploration.floor_of == "slates"
    random = 1 / n if slates else slot_chance(k, n, at, inside)
    share = share_of(config, k)
    return np.asarray((1 - share) * at + share * random)


def mixed(
    view: SegmentView, result: SlateResult, floor: Floor, rng: np.random.Generator
) -> SlateResult:
    """Serve the policy's slate, whose propensities are the mixture's already, or a random one."""
    if rng.random() >= floor.share or result.items.size == 0:
        return result
    return random_result(view, result, floor, rng)


def random_result(
    view: SegmentView, result: SlateResult, floor: Floor, rng: np.random.Generator
) -> SlateResult:
    """Make a slate of the random part, of the policy's where it needs one.

    `why` of a random item has `floor` 1, and its score is 0.
    """
    if isinstance(floor.random, RandomSlates):
        items = random_slate(floor.random, rng)  # (k,)
        why = [_why(view, item) for item in items.tolist()]
        p = propensity(floor, items)
        return SlateResult(items, np.zeros(items.size), p, why, result.policy)
    source, place, item = with_slot(floor.random, result.items, rng)
    items, scores = result.items[source], result.scores[source]
    why = [result.why[old] for old in source.tolist()]
    items[place], scores[place], why[place] = item, 0.0, _why(view, item)
    return SlateResult(items, scores, propensity(floor, items), why, result.policy)


def _why(view: SegmentView, item: int) -> dict[str, float]:
    return {
        "mean": float(view.mean[item]),
        "impressions": float(view.impressions[item]),
        "prior": float(view.arms.prior_mean[item]),
        "floor": 1.0,
    }
