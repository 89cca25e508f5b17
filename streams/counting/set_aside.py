"""Set aside: what becomes of a local database whose files are damaged. It gets a name of its own,
the state is rebuilt from the changelogs, and a week later it is removed.
"""

import pathlib
import shutil
import time

KEPT_S = 7 * 86400.0  # whoever wants to look at it has a week


class BrokenDisk(Exception):
    """A database whose files are damaged: it is set aside and rebuilt."""

    def __init__(self, path: pathlib.Path, reason: str) -> None:
        super().__init__(f"{path} could not be read ({reason[:120]})")
        self.path = path


def set_aside(path: pathlib.Path) -> pathlib.Path:
    """Give a damaged database, closed, a name of its own; returns its new path."""
    now_s = int(time.time())
    while (aside := path.with_name(f"{path.name}.broken-{now_s}")).exists():
        now_s += 1
    path.rename(aside)
    return aside


def remove_old(directory: pathlib.Path) -> list[str]:
    """Remove the databases that were set aside in `directory` a week ago; returns their names."""
    removed = []
    for path in sorted(directory.glob("partition-*.broken-*")):
        since_s = path.name.rpartition("-")[2]
        if since_s.isdigit() and time.time() - int(since_s) > KEPT_S:
            shutil.rmtree(path, ignore_errors=True)
            removed.append(path.name)
    return removed
