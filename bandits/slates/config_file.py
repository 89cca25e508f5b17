"""The policy file read: TOML to a `SlateConfig`, every key checked."""

from __future__ import annotations

import tomllib
from pathlib import Path

from bandits.learning.priors import PriorConfig
from bandits.policies.registry import POLICIES
from bandits.slates.config import (
    COMBINER_NAMES,
    DEFAULT,
    DIVERSITY_NAMES,
    FLOOR_NAMES,
    OBJECTIVE_NAMES,
    Diversity,
    Exploration,
    Exposure,
    PolicyChoice,
    SlateConfig,
    normalised,
)
from bandits.slates.config_table import ConfigError, Table


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
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows put a mark in front
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
        floor=table.number("floor", default.floor, low=0.0, high=1.0),
        floor_of=table.choice("floor_of", default.floor_of, FLOOR_NAMES),
    )
    table.finish()
    if value.max_slots is not None and value.min_slots > value.max_slots:
        message = (
            f"exploration.min_slots must not exceed exploration.max_slots, found {value.min_slots} "
            f"> {value.max_slots}"
        )
        raise ConfigError(message)
    return value
