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
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from bandits.learning.priors import PriorConfig
from bandits.policies.registry import POLICIES, Policy, make_policy
from bandits.slates.config_table import ConfigError, Table

COMBINER_NAMES = ("weighted", "rrf", "team_draft", "pareto")
OBJECTIVE_NAMES = ("click", "conversion", "value", "relevance", "freshness")
DIVERSITY_NAMES = ("none", "mmr", "dpp")
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
    `proven_clicks`.
    """

    max_slots: int | None = None
    min_slots: int = 0
    proven_clicks: float = 3.0


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
    priors
        How much an arm borrows (`bandits.learning.priors`).
    examination
        Probability that a position is looked at, in (0, 1]; beyond the last, the last.
    freshness_half_life_s
        Time after which the freshness of an item is half, in seconds.
    diversity, exposure, exploration
        Re-ranking, caps and floors.
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
    priors: PriorConfig = field(default_factory=PriorConfig)
    examination: tuple[float, ...] = (1.0,)
    freshness_half_life_s: float = 604_800.0
    diversity: Diversity = field(default_factory=Diversity)
    exposure: Exposure = field(default_factory=Exposure)
    exploration: Exploration = field(default_factory=Exploration)
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
    "load_config",
    "normalised",
    "parse_config",
]


def load_config(path: Path | None) -> SlateConfig:
    """Read a policy file; None is the default.

    Raises
    ------
    ConfigError
        If the file cannot be read or does not hold a valid policy.

    """
    if path is None:
        return DEFAULT
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"policy file {path} must be a readable UTF-8 text file: {error}; check the path and "
            "its permissions"
        )
        raise ConfigError(message) from error
    return parse_config(text)


def parse_config(text: str) -> SlateConfig:
    """Settings from TOML text; keys that are left out keep their defaults.

    Examples
    --------
    >>> parse_config("[policies.thompson]").policy
    'thompson'

    Raises
    ------
    ConfigError
        On broken TOML, an unknown key, a wrong type, or a value out of range.

    """
    try:
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        message = f"policy file must be TOML: {error}; see docs/policy-file.md for an example"
        raise ConfigError(message) from error
    top = Table("", tree)
    config = SlateConfig(
        policies=_policies(top.table("policies")),
        combiner=top.choice("combiner", DEFAULT.combiner, COMBINER_NAMES),
        objectives=_objectives(top.table("objectives")),
        half_life_s=top.optional_number("half_life_s", DEFAULT.half_life_s, low=0.0, open_low=True),
        priors=top.table("priors").dataclass(PriorConfig()),
        examination=top.numbers(
            "examination", DEFAULT.examination, low=0.0, high=1.0, open_low=True
        ),
        freshness_half_life_s=top.number(
            "freshness_half_life_s", DEFAULT.freshness_half_life_s, low=0.0, open_low=True
        ),
        diversity=_diversity(top.table("diversity")),
        exposure=_exposure(top.table("exposure")),
        exploration=_exploration(top.table("exploration")),
        exclude=top.strings("exclude"),
        draws=top.integer("draws", DEFAULT.draws, low=16, high=65_536),
    )
    top.finish()
    return config


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


def _policies(table: Table) -> tuple[PolicyChoice, ...]:
    if not table.names():
        return DEFAULT.policies
    choices = []
    for name in table.names():
        table.choice_of_key(name, tuple(POLICIES))
        entry = table.table(name)
        weight = entry.number("weight", 1.0, low=0.0)
        choice = PolicyChoice(name, weight, tuple(sorted(entry.rest().items())))
        try:
            choice.make()
        except ValueError as error:
            message = f"policies.{name}: {error}"
            raise ConfigError(message) from error
        choices.append(choice)
    normalised({choice.name: choice.weight for choice in choices}, "policies")
    return tuple(choice for choice in choices if choice.weight > 0)


def _objectives(table: Table) -> tuple[tuple[str, float], ...]:
    if not table.names():
        return DEFAULT.objectives
    weights = {
        name: table.number(name, 0.0, low=0.0) for name in OBJECTIVE_NAMES if name in table.names()
    }
    table.finish(valid=OBJECTIVE_NAMES)
    normalised(weights, "objectives")
    return tuple((name, weight) for name, weight in weights.items() if weight > 0)


def _diversity(table: Table) -> Diversity:
    default = Diversity()
    value = Diversity(
        kind=table.choice("kind", default.kind, DIVERSITY_NAMES),
        strength=table.number("strength", default.strength, low=0.0),
        shortlist=table.number("shortlist", default.shortlist, low=1.0, high=1000.0),
    )
    table.finish()
    return value


def _exposure(table: Table) -> Exposure:
    default = Exposure()
    value = Exposure(
        max_per_category=table.optional_integer(
            "max_per_category", default.max_per_category, low=1
        ),
        max_share=table.number("max_share", default.max_share, low=0.0, high=1.0, open_low=True),
        min_share=table.number("min_share", default.min_share, low=0.0, high=1.0),
        min_share_slots=table.integer("min_share_slots", default.min_share_slots, low=1, high=100),
    )
    table.finish()
    return value


def _exploration(table: Table) -> Exploration:
    default = Exploration()
    value = Exploration(
        max_slots=table.optional_integer("max_slots", default.max_slots, low=0),
        min_slots=table.integer("min_slots", default.min_slots, low=0, high=100),
        proven_clicks=table.number("proven_clicks", default.proven_clicks, low=0.0, open_low=True),
    )
    table.finish()
    if value.max_slots is not None and value.min_slots > value.max_slots:
        message = (
            f"exploration.min_slots must not exceed exploration.max_slots, found {value.min_slots} "
            f"> {value.max_slots}"
        )
        raise ConfigError(message)
    return value
