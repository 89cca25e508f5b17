"""Variants: policies that are compared on the users of one installation, and whose a user is.

    u(user) = first 8 bytes of SHA-256(salt "/" user), big-endian, / 2^64          in [0, 1)
    variant = the first of the file whose shares, added up, exceed u; `base` has what is left

The hash needs nothing but the file, so every replica, and every client, comes to the same variant.
A user stays where he is while shares behind his variant change; a new salt deals all users anew.
Users who are named by a variant have it whatever the hash says: they are nobody's chance, and
comparisons leave them out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

from bandits.slates.config import SlateConfig

T = TypeVar("T")
BASE = "base"
HOLDBACK_POLICIES = ("greedy", "random")
# tables that are one choice each: a variant that says one says all of it
_WHOLE = ("policies", "objectives")
# of a holdback: what makes a policy clever
_CLEVER = ("policies", "combiner", "objectives", "diversity", "exploration")
_FLOOR = ("floor", "floor_of")


@dataclass(frozen=True, slots=True)
class Variant:
    """One policy of a comparison.

    Attributes
    ----------
    name
        As slates say it.
    share
        Probability that a user has it, from 0 to 1.
    config
        How its slates are made.
    holdback
        Whether it is what the others are compared with: a simple policy that makes one slate for
        all segments.
    users
        Who have it in any case.

    """

    name: str
    share: float
    config: SlateConfig
    holdback: bool = False
    users: tuple[str, ...] = ()


class Assigned(NamedTuple):
    """The variant of a user; `forced`: the file names the user."""

    variant: Variant
    forced: bool


@dataclass(frozen=True)
class PolicyFile:
    """What a policy file says: variants, `base` first, and the salt of their hash."""

    variants: tuple[Variant, ...]
    salt: str = ""

    @property
    def base(self) -> SlateConfig:
        """How the slates of `base` are made."""
        return self.variants[0].config

    @cached_property
    def control(self) -> str:
        """What variants are compared with: the holdback, or `base`."""
        return next((each.name for each in self.variants if each.holdback), BASE)

    @cached_property
    def shares(self) -> dict[str, float]:
        """Share of each variant by name."""
        return {each.name: each.share for each in self.variants}

    @cached_property
    def _forced(self) -> dict[str, Variant]:
        return {user: each for each in self.variants for user in each.users}

    def assign(self, unit: str) -> Assigned:
        """The variant of a user, or of a slate that is nobody's."""
        if len(self.variants) == 1:
            return Assigned(self.variants[0], forced=False)
        forced = self._forced.get(unit)
        if forced is not None:
            return Assigned(forced, forced=True)
        dealt = deal(self.salt, unit, ((each, each.share) for each in self.variants[1:]))
        return Assigned(dealt or self.variants[0], forced=False)


def hash_point(salt: str, unit: str) -> float:
    """Where a user stands in [0, 1).

    Examples
    --------
    >>> round(hash_point("autumn", "anna"), 6)
    0.023586

    """
    digest = hashlib.sha256(f"{salt}/{unit}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2.0**64


def deal(salt: str, unit: str, shares: Iterable[tuple[T, float]]) -> T | None:
    """What a user gets by the hash of the things that have shares, in their order; None is what is
    left.
    """
    left = hash_point(salt, unit)
    for each, share in shares:
        left -= share
        if left < 0:
            return each
    return None


def only(config: SlateConfig) -> PolicyFile:
    """A policy file without variants."""
    return PolicyFile((Variant(BASE, 1.0, config),))


def overridden(base: Mapping[str, Any], own: Mapping[str, Any], simple: str) -> dict[str, Any]:
    """The file as a variant sees it: `base`, and what its own table says instead.

    Parameters
    ----------
    base, own
        Tables as they stand in the file, without what is no setting of slates.
    simple
        Of a holdback its policy; else "".

    """
    tree = dict(base)
    if simple:
        tree = {key: value for key, value in tree.items() if key not in _CLEVER}
        # a log of all variants judges policies only where each can show everything
        explored = base.get("exploration")
        if isinstance(explored, dict):
            tree["exploration"] = {key: explored[key] for key in _FLOOR if key in explored}
        caps = tree.pop("exposure", {})
        if isinstance(caps, dict) and "max_per_category" in caps:  # a rule of the house
            tree["exposure"] = {"max_per_category": caps["max_per_category"]}
        tree["policies"], tree["users"] = {simple: {}}, {"learn": False}
    for key, value in own.items():
        before = tree.get(key)
        if key not in _WHOLE and isinstance(value, dict) and isinstance(before, dict):
            value = {**before, **value}
        tree[key] = value
    return tree
