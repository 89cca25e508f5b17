"""The policy file read: TOML to a `PolicyFile`, every key checked."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from bandits.learning.priors import PriorConfig
from bandits.policies.registry import POLICIES
from bandits.slates.config import (
    COMBINER_NAMES,
    DEFAULT,
    DIVERSITY_NAMES,
    FLOOR_NAMES,
    OBJECTIVE_NAMES,
    SEGMENT_NAMES,
    Diversity,
    Exploration,
    Exposure,
    PolicyChoice,
    Repeats,
    SlateConfig,
    Users,
    normalised,
)
from bandits.slates.config_table import ConfigError, Table
from bandits.slates.variants import (
    BASE,
    HOLDBACK_POLICIES,
    PolicyFile,
    Variant,
    only,
    overridden,
)

VARIANT_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")  # it becomes a part of keys and a label
MOST_VARIANTS = 20  # each has slates of its own of every segment
# of events, which are counted once for all variants
COUNTING_KEYS = ("half_life_s", "examination")


def load_policy_file(path: Path | None) -> PolicyFile:
    """Read a policy file; None is the default.

    Raises
    ------
    ConfigError
        If the file cannot be read or does not hold a valid policy.

    """
    if path is None:
        return only(DEFAULT)
    try:
        text = path.read_text(encoding="utf-8-sig")  # editors on Windows put a mark in front
    except (OSError, UnicodeDecodeError) as error:
        message = (
            f"policy file {path} must be a readable UTF-8 text file: {error}; check the path and "
            "its permissions"
        )
        raise ConfigError(message) from error
    return parse_policy_file(text)


def load_config(path: Path | None) -> SlateConfig:
    """Settings of a policy file without its variants; None is the default.

    Raises
    ------
    ConfigError
        As `load_policy_file`.

    """
    return load_policy_file(path).base


def parse_policy_file(text: str) -> PolicyFile:
    r"""A policy file from TOML text; keys that are left out keep their defaults.

    Examples
    --------
    >>> parse_policy_file("[variants.b]\nshare = 0.5\ndraws = 64").shares
    {'base': 0.5, 'b': 0.5}

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
    salt, tables = top.text("salt", ""), top.table("variants")
    base = _config(top)
    top.finish()
    own = {key: value for key, value in tree.items() if key not in ("salt", "variants")}
    variants = [_variant(name, tables, own) for name in tables.names()]
    _check_variants(variants)
    left = 1.0 - sum(each.share for each in variants)
    return PolicyFile((Variant(BASE, max(0.0, left), base), *variants), salt)


def parse_config(text: str) -> SlateConfig:
    """Settings from TOML text, without its variants.

    Examples
    --------
    >>> parse_config("[policies.thompson]").policy
    'thompson'

    Raises
    ------
    ConfigError
        As `parse_policy_file`.

    """
    return parse_policy_file(text).base


def _config(top: Table) -> SlateConfig:
    return SlateConfig(
        policies=_policies(top.table("policies")),
        combiner=top.choice("combiner", DEFAULT.combiner, COMBINER_NAMES),
        objectives=_objectives(top.table("objectives")),
        half_life_s=top.optional_number("half_life_s", DEFAULT.half_life_s, low=0.0, open_low=True),
        segments=top.choice("segments", DEFAULT.segments, SEGMENT_NAMES),
        priors=top.table("priors").dataclass(PriorConfig()),
        examination=top.numbers_or_learn(
            "examination", DEFAULT.examination, low=0.0, high=1.0, open_low=True
        ),
        freshness_half_life_s=top.number(
            "freshness_half_life_s", DEFAULT.freshness_half_life_s, low=0.0, open_low=True
        ),
        diversity=_diversity(top.table("diversity")),
        exposure=_exposure(top.table("exposure")),
        exploration=_exploration(top.table("exploration")),
        users=_users(top.table("users")),
        repeats=_repeats(top.table("repeats")),
        exclude=top.strings("exclude"),
        draws=top.integer("draws", DEFAULT.draws, low=16, high=65_536),
    )


def _variant(name: str, tables: Table, base: dict[str, Any]) -> Variant:
    """A variant: what is its own, and the file's settings with what it overrides."""
    table = tables.table(name)
    if name == BASE or not VARIANT_NAME.fullmatch(name):
        message = (
            f"policy file: variants must have names of 1 to 64 letters, digits and _ . - other "
            f"than {BASE}, which has the share that is left, found {name!r}"
        )
        raise ConfigError(message)
    kind = table.choice("kind", "policy", ("policy", "holdback"))
    share = table.number("share", 0.0, low=0.0, high=1.0)
    users, simple = table.strings("users"), ""
    if kind == "holdback":
        simple = table.choice("policy", "greedy", HOLDBACK_POLICIES)
    keys = list(table.asked)
    own = {key: value for key, value in table.tree.items() if key not in keys}
    for key in COUNTING_KEYS:
        if key in own:
            message = (
                f"policy file: variants.{name} must not have {key}: events are counted once for "
                "all variants; set it for the whole file"
            )
            raise ConfigError(message)
    merged = Table(table.where, overridden(base, own, simple))
    merged.asked += keys
    config = _config(merged)
    merged.finish()
    return Variant(name, share, config, kind == "holdback", users)


def _check_variants(variants: list[Variant]) -> None:
    total = sum(each.share for each in variants)
    if total > 1.0 + 1e-9:
        message = f"policy file: shares of variants must sum to at most 1, found {total:g}"
        raise ConfigError(message)
    if len(variants) > MOST_VARIANTS:
        message = f"policy file: expected at most {MOST_VARIANTS} variants, found {len(variants)}"
        raise ConfigError(message)
    if sum(each.holdback for each in variants) > 1:
        message = "policy file: expected one variant of kind holdback at most, found more"
        raise ConfigError(message)
    users = [user for each in variants for user in each.users]
    twice = [user for user, times in Counter(users).items() if times > 1]
    if twice:
        message = f"policy file: a user must be named once, found {twice[0]!r} twice"
        raise ConfigError(message)


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


def _users(table: Table) -> Users:
    value = Users(learn=table.switch("learn", Users().learn))
    table.finish()
    return value


def _repeats(table: Table) -> Repeats:
    default = Repeats()
    value = Repeats(
        window_s=table.number("window_s", default.window_s, low=0.0, open_low=True),
        cap=table.optional_integer("cap", default.cap, low=1),
    )
    table.finish()
    return value
