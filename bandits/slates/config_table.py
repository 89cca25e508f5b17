"""One table of a policy file, read key by key: each reader checks type and range, and `finish`
refuses what is left.

The valid keys of an error message are the keys that were asked for, so that message and code cannot
disagree.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

from bandits.learning.priors import PriorConfig

LEARN = "learn"  # a prior strength that is to be estimated from the counts: None in `PriorConfig`
OFF = "off"  # a limit or half-life that is not in force: None in `SlateConfig`

T = TypeVar("T", bound=PriorConfig)


class ConfigError(ValueError):
    """A policy file that cannot be used: one sentence with what was expected, what was found,
    where, and the remedy.
    """


class Table:
    """A table of the file and the dotted name it stands under."""

    def __init__(self, where: str, tree: Mapping[str, Any]) -> None:
        self.where = where
        self.tree = tree
        self.asked: list[str] = []

    def names(self) -> tuple[str, ...]:
        """Keys that stand in the file."""
        return tuple(self.tree)

    def table(self, key: str) -> Table:
        """Read a sub-table; an absent one is empty."""
        value = self._get(key, {})
        if not isinstance(value, dict):
            self._fail(key, "a table", value)
        return Table(self._name(key), value)

    def number(
        self,
        key: str,
        default: float,
        *,
        low: float = -math.inf,
        high: float = math.inf,
        open_low: bool = False,
    ) -> float:
        """Read a finite number in [low, high], or (low, high] where `open_low`."""
        value = self._get(key, default)
        if not _in_range(value, low, high, open_low):
            self._fail(key, _range("a number", low, high, open_low), value)
        return float(value)

    def optional_number(
        self, key: str, default: float | None, *, low: float = -math.inf, open_low: bool = False
    ) -> float | None:
        """Read a number, or None for the word off."""
        value = self._get(key, default)
        if value is None or value == OFF:
            return None
        if not _in_range(value, low, math.inf, open_low):
            self._fail(key, f'{_range("a number", low, math.inf, open_low)}, or "{OFF}"', value)
        return float(value)

    def integer(self, key: str, default: int, *, low: int, high: int) -> int:
        """Read a whole number in [low, high]."""
        value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self._fail(key, f"a whole number from {low} to {high}", value)
        return int(value)

    def optional_integer(self, key: str, default: int | None, *, low: int) -> int | None:
        """Read a whole number, or None for the word off."""
        value = self._get(key, default)
        if value is None or value == OFF:
            return None
        if isinstance(value, bool) or not isinstance(value, int) or value < low:
            self._fail(key, f'a whole number of at least {low}, or "{OFF}"', value)
        return int(value)

    def text(self, key: str, default: str) -> str:
        """Read a string."""
        value = self._get(key, default)
        if not isinstance(value, str):
            self._fail(key, "a string", value)
        return str(value)

    def switch(self, key: str, default: bool) -> bool:
        """Read true or false."""
        value = self._get(key, default)
        if not isinstance(value, bool):
            self._fail(key, "true or false", value)
        return bool(value)

    def choice(self, key: str, default: str, valid: tuple[str, ...]) -> str:
        """Read one of a few words."""
        value = self._get(key, default)
        if value not in valid:
            self._fail(key, f"one of {', '.join(valid)}", value)
        return str(value)

    def choice_of_key(self, key: str, valid: tuple[str, ...]) -> None:
        """Check a key that is itself a choice, like the name of a policy."""
        if key not in valid:
            message = (
                f"policy file: {self.where} must name one of {', '.join(sorted(valid))}, found "
                f"{key!r}"
            )
            raise ConfigError(message)

    def numbers_or_learn(
        self,
        key: str,
        default: tuple[float, ...] | None,
        *,
        low: float,
        high: float,
        open_low: bool = False,
    ) -> tuple[float, ...] | None:
        """Read a list of at least one number in the range, or the word learn, which is None."""
        value = self._get(key, LEARN if default is None else list(default))
        if value == LEARN:
            return None
        if (
            not isinstance(value, list)
            or not value
            or not all(_in_range(v, low, high, open_low) for v in value)
        ):
            what = _range("a number", low, high, open_low)
            self._fail(key, f'"{LEARN}", or a list of at least one of: {what}', value)
        return tuple(float(v) for v in value)

    def strings(self, key: str) -> tuple[str, ...]:
        """Read a list of strings; absent is empty."""
        value = self._get(key, [])
        if not isinstance(value, list) or not all(isinstance(v, str) for v in value):
            self._fail(key, "a list of strings", value)
        return tuple(value)

    def rest(self) -> dict[str, float]:
        """Keys not asked for yet, as numbers: options of a policy, which checks their names and
        ranges itself.

        true and false are 1 and 0, so that a policy's switch is a number like its other options.
        """
        left = {key: value for key, value in self.tree.items() if key not in self.asked}
        for key, value in left.items():
            if not isinstance(value, int | float) or not math.isfinite(value):
                self._fail(key, "a finite number, true or false", value)
        return {key: float(value) for key, value in left.items()}

    def dataclass(self, default: T) -> T:
        """Read the fields of the prior settings by their own names; those that may be None also
        take the word learn.
        """
        found: dict[str, Any] = {}
        for entry in fields(default):
            value = self._get(entry.name, getattr(default, entry.name))
            optional = "None" in str(entry.type)
            if optional and (value == LEARN or value is None):
                found[entry.name] = None
            elif isinstance(getattr(default, entry.name), bool) and isinstance(value, bool):
                found[entry.name] = value
            elif _in_range(value, 0.0, math.inf, open_low=not optional):
                found[entry.name] = float(value)
            else:
                words = f', or "{LEARN}"' if optional else ""
                self._fail(
                    entry.name, f"a number {'of at least' if optional else 'above'} 0{words}", value
                )
        if not found.get("base_rate", 0.5) < 1:
            self._fail("base_rate", "a rate below 1", found["base_rate"])
        self.finish()
        return replace(default, **found)

    def finish(self, valid: tuple[str, ...] | None = None) -> None:
        """Refuse the keys that no reader has asked for."""
        valid = tuple(self.asked) if valid is None else valid
        for key in self.tree:
            if key not in valid:
                message = (
                    f"policy file: unknown key {self._name(key)!r}; valid keys here: "
                    f"{', '.join(valid)}"
                )
                raise ConfigError(message)

    def _get(self, key: str, default: Any) -> Any:
        self.asked.append(key)
        return self.tree.get(key, default)

    def _name(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _fail(self, key: str, expected: str, found: Any) -> None:
        message = (
            f"policy file: {self._name(key)} must be {expected}, found {found!r}; see "
            "docs/policy-file.md"
        )
        raise ConfigError(message)


def _in_range(value: Any, low: float, high: float, open_low: bool) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return False
    return (low < value if open_low else low <= value) and value <= high


def _range(kind: str, low: float, high: float, open_low: bool) -> str:
    if low == -math.inf:
        return kind
    text = f"{kind} above {low:g}" if open_low else f"{kind} of at least {low:g}"
    return text if high == math.inf else f"{text} and at most {high:g}"
