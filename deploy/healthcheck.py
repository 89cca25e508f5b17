"""Whether the container's process lives, asked at the port that the settings give what it runs.

Process 1 is a worker, `slatestream serve`, or an init that has one of them as its arguments; a
container that runs another command is healthy as long as it runs.
"""

import os
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from streams.config import Settings, load_settings

EVERYWHERE = ("", "0.0.0.0", "::")  # addresses to listen at, not to ask
TIMEOUT_S = 2.0


def address(command: Sequence[str], settings: Settings) -> str | None:
    """Where to ask for the health of what `command` runs; None where nobody answers."""
    if "serve" in command:
        host = "127.0.0.1" if settings.http_host in EVERYWHERE else settings.http_host
        return f"http://{f'[{host}]' if ':' in host else host}:{settings.http_port}/healthz"
    if "worker" in command:
        return f"http://127.0.0.1:{settings.worker_http_port}/healthz"
    return None


def main() -> None:
    """Ends with a traceback, and so not with status 0, if nobody answers or somebody refuses."""
    command = Path("/proc/1/cmdline").read_bytes().decode(errors="replace").split("\0")
    asked = address(command, load_settings(os.environ))
    if asked is not None:
        urllib.request.urlopen(asked, timeout=TIMEOUT_S).close()


if __name__ == "__main__":
    main()
