"""What the batch side shows: results on stdout, progress and complaints on stderr."""

import sys
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from encoder.release.progress import Bar, Lines, Shown, Status

PIPE_WIDTH = 160  # of tables that go to a file or another program


class Terminal:
    """One command's output; a context, so that what shows progress ends with it."""

    def __init__(self, *, as_json: bool) -> None:
        self._json = as_json
        self._out = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH, highlight=False)
        self._err = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress: Shown
        if as_json or not self._err.is_terminal:
            self._progress = Lines(_to_stderr, Status.json if as_json else Status.line)
        else:
            self._progress = Bar(self._err)

    def __enter__(self) -> "Terminal":
        self._progress.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.__exit__(kind, error, trace)

    def report(self, what: str, done: int, all_of: int) -> None:
        """So much of `what` is done."""
        self._progress.report(what, done, all_of)

    def say(self, text: str) -> None:
        """One sentence on the way."""
        if self._json:
            _to_stderr(msgspec.json.encode({"said": text}).decode())
        else:
            self._err.print(text, markup=False)

    def complain(self, text: str, status: int) -> int:
        """One line on what went wrong; gives back the exit status."""
        sys.stderr.write(f"slatestream encoder: {' '.join(text.split())}\n")
        return status

    def steps(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """What each step of making an encoder cost."""
        if self._json or not steps:
            return
        table = Table("step", "bytes before", "bytes after", "seconds")
        for step in steps:
            table.add_row(
                *(
                    _plain(step.get(key, ""))
                    for key in ("step", "bytes_before", "bytes_after", "seconds")
                )
            )
        self._out.print(table)

    def result(self, fields: Mapping[str, Any]) -> int:
        """The command's answer: a table, or one line of JSON."""
        self.__exit__(None, None, None)  # nothing moves behind a result
        if self._json:
            sys.stdout.write(msgspec.json.encode(fields).decode() + "\n")
            sys.stdout.flush()
            return 0
        table = Table(show_header=False)
        for name, value in fields.items():
            inner = value if isinstance(value, dict) else None
            table.add_row(
                name,
                ", ".join(f"{k} {_plain(v)}" for k, v in inner.items())
                if inner is not None
                else _plain(value),
            )
        self._out.print(table)
        return 0


def _to_stderr(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4f}" if abs(value) < 1_000 else f"{value:,.0f}"
    if isinstance(value, list):
        return "; ".join(map(str, value))
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
