"""One setting: a row of the tables."""

from typing import Any, NamedTuple


class Setting(NamedTuple):
    """One environment variable: its name, its field in `Settings`, default, type,
    bounds and help.
    """

    name: str
    field: str
    default: Any
    kind: type
    help: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False
