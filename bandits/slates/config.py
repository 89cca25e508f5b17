"""The policy file: one frozen value that says how slates are made, read from TOML, every key
checked.

A misspelt key, a wrong type or a value out of range is an error that names the valid choices: a
setting that is silently ignored costs clicks for weeks. `docs/policy-file.md` lists every key with
its unit, range and default.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from bandits.learning.priors import PriorConfig
from bandits.policies.registry import Policy, make_policy
from bandits.slates.config_table import ConfigError

COMBINER_NAMES = ("weighted", "rrf", "team_draft", "pareto")
OBJECTIVE_NAMES = ("click", "conversion", "value", "relevance", "freshness")
DIVERSITY_NAMES = ("none", "mmr", "dpp")
FLOOR_NAMES = ("slots", "slates")
SEGMENT_NAMES = ("learn", "all")
VERSION_DIGITS = 12  # 48 bits of SHA-256: two files of one deployment do not meet by chance


@dataclass(frozen=True, slots=True)
class PolicyChoice:
    """One policy of the mix: its registry name, its weight above 0, and its options as sorted
    pairs.
    """

    name: str
    weight: float = 1.0
    options: tuple[tuple[str, float], ...] = ()

    def make(self) -> Policy:
        """Make the policy from the registry."""
        return make_policy(self.name, **dict(self.options))


@dataclass(frozen=True, slots=True)
class Diversity:
    """Re-ranking for variety: `kind` none, mmr or dpp; `strength` in spreads of the score;
    `shortlist` in slates.
    """

    kind: str = "none"
    strength: float = 0.5
    shortlist: float = 5.0


@dataclass(frozen=True, slots=True)
class Exposure:
    """Caps and floors: slots per category and slate, and an item's share of the segment's
    impressions.
    """

    max_per_category: int | None = None
    max_share: float = 1.0
    min_share: float = 0.0
    min_share_slots: int = 1


@dataclass(frozen=True, slots=True)
class Exploration:
    """Budget per slate: slots for unproven items, those that expect fewer clicks so far than
    `proven_clicks`; and `floor`, the share of slots that are uniformly random, in whole `slates` or
    one of the `slots` at a time (`floor_of`).

    The floor's default is the least share at which a log of the default policy answers for most
    other policies (docs/measurements/floor.md).
    """

    max_slots: int | None = None
    min_slots: int = 0
    proven_clicks: float = 3.0
    floor: float = 0.01
    floor_of: str = "slots"


@dataclass(frozen=True, slots=True)
class Users:
    """Whether what a user clicked and was shown changes the user's slates, as far as the log shows
    that it says something.
    """

    learn: bool = True


@dataclass(frozen=True, slots=True)
class Repeats:
    """What a user was shown without a click: for `window_s` seconds after the last time it counts,
    and from `cap` times on it is not shown; None has no cap.
    """

    window_s: float = 86_400.0
    cap: int | None = None


@dataclass(frozen=True, slots=True)
class SlateConfig:
    """How slates are made.

    Attributes
    ----------
    policies
        The mix that scores the click objective; weights are relative.
    combiner
        How signals become one order: weighted, rrf, team_draft or pareto.
    objectives
        (name, weight) pairs, relative; those of weight 0 are left out.
    half_life_s
        Half-life in seconds of the memory that is compared with all counts to find change; None
        leaves memories to whoever keeps counts.
    segments
        Where context fields make segments: `learn` serves apart by the fields that the counts show
        to be worth it (`bandits.learning.segment_groups`), `all` by every combination.
    priors
        How much an arm borrows (`bandits.learning.priors`).
    examination
        Probability that a position is looked at, in (0, 1]; beyond the last, the last. None learns
        it from what is served (`bandits.learning.places`).
    freshness_half_life_s
        Time after which the freshness of an item is half, in seconds.
    diversity, exposure, exploration
        Re-ranking, caps and floors.
    users, repeats
        What a user's own history changes (`bandits.slates.personal`).
    exclude
        Item ids never shown; whoever knows the ids marks them unavailable.
    draws
        Draws of one snapshot from which slates are served; more is finer propensities and slower
        snapshots.

    """

    policies: tuple[PolicyChoice, ...] = (PolicyChoice("thompson"), PolicyChoice("kl_ucb"))
    combiner: str = "weighted"
    objectives: tuple[tuple[str, float], ...] = (("click", 1.0),)
    half_life_s: float | None = None
    segments: str = "learn"
    priors: PriorConfig = field(default_factory=PriorConfig)
    examination: tuple[float, ...] | None = None
    freshness_half_life_s: float = 604_800.0
    diversity: Diversity = field(default_factory=Diversity)
    exposure: Exposure = field(default_factory=Exposure)
    exploration: Exploration = field(default_factory=Exploration)
    users: Users = field(default_factory=Users)
    repeats: Repeats = field(default_factory=Repeats)
    exclude: tuple[str, ...] = ()
    draws: int = 512

    @property
    def version(self) -> str:
        """Short hash of the content: equal settings have equal versions, whatever file they came
        from.
        """
        content = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()[:VERSION_DIGITS]

    @property
    def policy(self) -> str:
        """Name for a slate's `policy`: the mix, and the combiner where it is not the weighted
        average.
        """
        mix = "+".join(choice.name for choice in self.policies)
        return mix if self.combiner == "weighted" else f"{self.combiner}({mix})"


DEFAULT = SlateConfig()


__all__ = [
    "DEFAULT",
    "ConfigError",
    "PolicyChoice",
    "SlateConfig",
    "normalised",
]


def normalised(weights: Mapping[str, float], where: str) -> dict[str, float]:
    """Weights made to sum to 1, those of 0 left out.

    Raises
    ------
    ConfigError
        If a weight is negative or not finite, or all are 0.

    """
    for name, weight in weights.items():
        if not (math.isfinite(weight) and weight >= 0):
            message = f"{where}.{name} must be a finite weight of at least 0, found {weight}"
            raise ConfigError(message)
    total = sum(weights.values())
    if total <= 0:
        message = (
            f"{where} must have a weight above 0, found a sum of {total}; raise one of "
            f"{', '.join(weights)}"
        )
        raise ConfigError(message)
    return {name: weight / total for name, weight in weights.items() if weight > 0}
