"""`slatestream worker [...]`: the same as `faust -A streams.app worker`, with the settings checked
first.
"""

import os
import sys
from collections.abc import Sequence

from streams.config import Settings


def command_line(arguments: Sequence[str]) -> list[str]:
    """What replaces this process. Logging is on (`-l info`) unless the caller chooses a level."""
    chosen = any(
        each in ("-l", "--loglevel") or each.startswith("--loglevel=") for each in arguments
    )
    level = [] if chosen or "--help" in arguments else ["-l", "info"]
    return [sys.executable, "-m", "faust", "-A", "streams.app", "worker", *level, *arguments]


def run(arguments: Sequence[str], settings: Settings) -> int:
    """Replace this process by the worker: its signals and its exit status are the caller's."""
    del settings  # checked by now; the worker reads them again from the environment
    command = command_line(arguments)
    os.execv(command[0], command)
