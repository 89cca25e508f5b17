"""What commands write: JSON lines or rich tables on stdout, progress and complaints on stderr."""

import sys
from typing import Any

import orjson
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)

# of tables that go to a file or another program; text lines are never wrapped there
PIPE_WIDTH = 160


class Results(Console):
    """Rich ends with status 1 where the reader of a pipe has seen enough; the command line does not
    take that for a failure.
    """

    def on_broken_pipe(self) -> None:
        """Leave it to `streams.cli`."""
        raise BrokenPipeError


def out() -> Console:
    """The console of results. Made when needed: tests and pipes exchange `sys.stdout`."""
    person = sys.stdout.isatty()
    return Results(width=None if person else PIPE_WIDTH, soft_wrap=not person, highlight=False)


def err() -> Console:
    """The console of everything that is no result."""
    return Console(stderr=True, highlight=False)


def json_line(value: Any) -> None:
    """One line of JSON on stdout, at once."""
    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY).decode() + "\n")
    sys.stdout.flush()


def progress() -> Progress:
    """A progress bar on stderr; nothing but its last state where stderr is no terminal."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err(),
    )
