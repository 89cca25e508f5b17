"""One setting: a row of the tables, and how its value is read."""

import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

FILE = "_FILE"  # the form of a secret's name whose value is the path of a file that holds it


class SettingsError(ValueError):
    """A setting that cannot be used: what was expected, what was found, what to do."""


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


def known_names(settings: Sequence[Setting]) -> set[str]:
    """Every name that may be set: those of the table, and the `_FILE` form of each secret."""
    return {s.name for s in settings} | {s.name + FILE for s in settings if s.secret}


def read(setting: Setting, environ: Mapping[str, str]) -> Any:
    """A setting's value, checked; its default where it is not set.

    Raises
    ------
    SettingsError
        For a value of the wrong type or out of range, and a secret's file that cannot be used.
    """
    text = _text(setting, environ)
    return _parse(setting, text) if text else _default(setting)


def _text(setting: Setting, environ: Mapping[str, str]) -> str:
    """A setting as it is written; empty where it is not set."""
    text, path = environ.get(setting.name, ""), environ.get(setting.name + FILE, "")
    if not setting.secret or not path:
        return text
    name = setting.name + FILE
    if text:
        msg = f"expected {setting.name} or {name}, found both; unset one of them"
        raise SettingsError(msg)
    try:
        text = pathlib.Path(path).read_text(encoding="utf-8").strip()
    except OSError as error:
        found = error.strerror or str(error)
    except UnicodeDecodeError:
        found = "none that is UTF-8"
    else:
        found = "nothing in it"
    if not text:
        msg = f"{name}: expected a file with the secret at {path}, found {found}; name one"
        raise SettingsError(msg)
    return text


def _default(setting: Setting) -> Any:
    return setting.kind(setting.default) if setting.default is not None else None


def _parse(setting: Setting, text: str) -> Any:
    if setting.kind is tuple:
        return tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        value = setting.kind(text)
    except ValueError:
        msg = f"{setting.name}: expected {setting.kind.__name__} ({setting.help}), found {text!r}"
        raise SettingsError(msg) from None
    if setting.choices and value not in setting.choices:
        msg = f"{setting.name}: expected one of {', '.join(setting.choices)}, found {text!r}"
        raise SettingsError(msg)
    if setting.low is not None and not (setting.low <= value <= (setting.high or value)):
        msg = (
            f"{setting.name}: expected {setting.low:g} to {setting.high:g} ({setting.help}), found "
            f"{text}"
        )
        raise SettingsError(msg)
    return value
