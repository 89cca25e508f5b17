"""JSON lines, with the place of each for what is wrong with it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bandits.ope.log import LogError


def read_events(path: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each line's place (`file:line`) and object; blank lines are passed over.

    Raises
    ------
    LogError
        There is no such file, or a line is no JSON object.
    """
    if not path.is_file():
        msg = f"expected a file of JSON lines at {path}, found none"
        raise LogError(msg)
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                # editors on Windows put a mark in front
                event = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
            except ValueError as error:
                msg = (
                    f"expected one JSON object per line in {path}, found broken JSON in line "
                    f"{number}: {error}"
                )
                raise LogError(msg) from None
            if not isinstance(event, dict):
                msg = (
                    f"expected one JSON object per line in {path}, found {type(event).__name__} in "
                    f"line {number}"
                )
                raise LogError(msg)
            yield f"{path}:{number}", event


def text(event: Mapping[str, Any], name: str, where: str) -> str:
    """A field that must be text."""
    found = event.get(name)
    if not isinstance(found, str) or not found:
        msg = f"expected text in {name} at {where}, found {found!r}"
        raise LogError(msg)
    return found
