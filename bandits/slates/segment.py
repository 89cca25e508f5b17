"""One segment as slates see it: its arms, the scores of policies with bounds, and the scorers of
a request.

A scorer is a signal over all items with its weight: a policy of the click objective, or another
objective. Scores that no draw changes are worked out once per snapshot; drawn ones keep bounds for
screening.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bandits.arms import ArmView, Floats, Need, Policy
from bandits.slates.combine import NOT_A_RATE
from bandits.slates.config import SlateConfig, normalised
from bandits.slates.constraints import Limits
from bandits.slates.objectives import OBJECTIVES, Facts, Scale, calibrate
from bandits.slates.sample_cache import Kept
from bandits.slates.screening import BOUNDS, per_side

# Names in `why` where they differ from the registry: readers know the default index as `ucb`.
WHY_NAMES: Mapping[str, str] = {"kl_ucb": "ucb"}
# Policies that score an item by its own counts and nothing else but `total`: drawn for some items
# of a segment they draw the same as for all. Every other policy is drawn for all items, then looked
# at for some.
ITEMWISE = frozenset(BOUNDS) | {"softmax", "random"}
# Screening bounds serve slates up to this depth (places x shortlist); deeper ones err a little more
# often.
DEEPEST = 4096


class Scorer(NamedTuple):
    """One signal over all items.

    Attributes
    ----------
    name
        As it stands in `why`.
    weight
        Above 0; the scorers of a request sum to 1.
    policy
        What draws it, or None where it is `fixed`.
    fixed
        (n_items,) calibrated score, or None where it is drawn.
    low, high
        (n_items,) bounds for screening; None where the draw has none.
    shift, factor
        A draw x counts as shift + factor * x: 0 and 1 for click rates.
    odds
        (n_items,) by which the odds of a draw are multiplied (`bandits.slates.personal`), or None.

    """

    name: str
    weight: float
    policy: Policy | None
    fixed: Floats | None
    low: Floats | None
    high: Floats | None
    shift: float = 0.0
    factor: float = 1.0
    odds: Floats | None = None

    def rescale(self, drawn: Floats) -> Floats:
        """Bring draws to the click scale, any shape."""
        return (
            drawn if self.factor == 1.0 and self.shift == 0.0 else self.shift + self.factor * drawn
        )


class SegmentView(NamedTuple):
    """What all requests of one segment share.

    Attributes
    ----------
    config
        The policy file.
    arms, facts
        The segment's counts and what objectives read.
    mean, impressions
        (n_items,) posterior mean click rate, and impressions in the segment.
    shown
        (n_items,) bool, available and not withdrawn.
    scale
        Mean and spread of the click objective over `shown`.
    clicks
        Scorers of the click objective, their weights summing to 1 among themselves.
    limits, vectors
        Constraints, and (n_items, d) unit rows; None without.
    kept
        Draws that requests with eligible sets of their own share; a cache that grows.
    calibrated
        Objectives that are the same for all users, by name, (n_items,) each; a cache that grows.
    rng
        Draws what is kept for all requests.

    """

    config: SlateConfig
    arms: ArmView
    facts: Facts
    mean: Floats
    impressions: Floats
    shown: NDArray[np.bool_]
    scale: Scale
    clicks: tuple[Scorer, ...]
    limits: Limits | None
    vectors: NDArray[np.float32] | None
    kept: Kept
    calibrated: dict[str, Floats]
    rng: np.random.Generator


def is_plain(view: SegmentView) -> bool:
    """Tell whether leaving out an item leaves the order of the others as it is."""
    return (
        view.config.combiner == "weighted"
        and view.limits is None
        and view.config.diversity.kind == "none"
    )


def click_scorers(
    config: SlateConfig,
    arms: ArmView,
    shown: NDArray[np.bool_],
    scale: Scale,
    rng: np.random.Generator,
) -> tuple[Scorer, ...]:
    """Scorers of the policies that the file mixes for the click objective."""
    weights = normalised({choice.name: choice.weight for choice in config.policies}, "policies")
    options = {choice.name: dict(choice.options) for choice in config.policies}
    n_random = sum(name in BOUNDS for name in weights)
    delta = per_side(arms.prior_mean.size, DEEPEST, n_random)
    scorers = []
    for choice in config.policies:
        name, policy = choice.name, choice.make()
        why = WHY_NAMES.get(name, name)
        if policy.needs is Need.DETERMINISTIC:
            score = policy.score(arms, rng)  # (n_items,)
            scorers.append(Scorer(why, weights[name], None, score, score, score))
        elif name in BOUNDS:
            bounds = BOUNDS[name](arms, delta, **options[name])
            scorers.append(Scorer(why, weights[name], policy, None, bounds.low, bounds.high))
        else:
            shift, factor = (
                _to_rate(policy.score(arms, rng), shown, scale)
                if name in NOT_A_RATE
                else (0.0, 1.0)
            )
            scorers.append(Scorer(why, weights[name], policy, None, None, None, shift, factor))
    return tuple(scorers)


def scorers_of(
    view: SegmentView, objectives: Mapping[str, float], facts: Facts
) -> tuple[Scorer, ...]:
    """Scorers of a request: the click policies share the click weight, every other objective is one
    fixed voice.

    Parameters
    ----------
    view
        The segment.
    objectives
        Weights by name, relative; those of weight 0 are left out.
    facts
        The segment's facts, with the user of the request where it has one.

    Raises
    ------
    ConfigError
        If a weight is negative or not finite, or all are 0.

    """
    weights = normalised(objectives, "objectives")
    scorers: list[Scorer] = []
    for name, weight in weights.items():
        if name == "click":
            scorers.extend(scorer._replace(weight=scorer.weight * weight) for scorer in view.clicks)
        else:
            fixed = _objective(view, name, facts)
            scorers.append(Scorer(name, weight, None, fixed, fixed, fixed))
    if len(scorers) == 1 and scorers[0].policy is not None and scorers[0].policy.name == "random":
        # A random order and nothing else: every item scores the same and the tie-break decides, in
        # closed form.
        none = np.zeros(view.mean.size)
        return (Scorer(scorers[0].name, 1.0, None, none, none, none),)
    return tuple(scorers)


def _objective(view: SegmentView, name: str, facts: Facts) -> Floats:
    """Calibrated objective, (n_items,); worked out anew only where it depends on the user."""
    if facts.user is not None and name == "relevance":
        return calibrate(OBJECTIVES[name](facts), view.scale, view.shown)
    if name not in view.calibrated:
        view.calibrated[name] = calibrate(OBJECTIVES[name](view.facts), view.scale, view.shown)
    return view.calibrated[name]


def _to_rate(score: Floats, shown: NDArray[np.bool_], scale: Scale) -> tuple[float, float]:
    """Shift and factor that give a score the mean and spread of the click objective over the items
    shown.
    """
    known = score[shown]
    sd = float(known.std()) if known.size else 0.0
    if sd == 0.0:
        return 0.0, 1.0
    factor = scale.spread / sd
    return scale.mean - factor * float(known.mean()), factor
