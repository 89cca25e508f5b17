"""`slatestream worker [...]`: the same as `faust -A streams.app worker`, with the settings checked
first.
"""

import os
import sys
from collections.abc import Sequence

from streams.config import Settings


def command_line(arguments: Sequence[str], log_format: str = "text") -> list[str]:
    """What replaces this process. Logging is on (`-l info`) unless the caller chooses a level; with
    JSON without Faust's banner, which is none.
    """
    chosen = any(
        each in ("-l", "--loglevel") or each.startswith("--loglevel=") for each in arguments
    )
    level = [] if chosen or "--help" in arguments else ["-l", "info"]
    quiet = ["--quiet"] if log_format == "json" else []
    return [
        sys.executable,
        "-m",
        "faust",
        *quiet,
        "-A",
        "streams.app",
        "worker",
        *level,
        *arguments,
    ]


def run(arguments: Sequence[str], settings: Settings) -> int:
    """Replace this process by the worker: its signals and its exit status are the caller's."""
    # they are checked by now; the worker reads them again from the environment
    command = command_line(arguments, settings.log_format)
    os.execv(command[0], command)
