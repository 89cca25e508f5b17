"""Disks: the databases of the partitions that a worker owns. One whose files turn out to be damaged
is set aside at the next restore, which rebuilds it.
"""

import pathlib
from collections.abc import Iterable

from streams.counting.rocksdb import Disk
from streams.counting.set_aside import BrokenDisk, remove_old, set_aside


class Disks:
    """Open databases by partition number; `directory` holds nothing else."""

    def __init__(self, directory: pathlib.Path) -> None:
        self.opened: dict[int, Disk] = {}
        self._directory = directory
        self._damaged: dict[pathlib.Path, BrokenDisk] = {}

    def damaged(self, broken: BrokenDisk) -> None:
        """A database could not be read: the next `open` sets it aside."""
        self._damaged[broken.path] = broken

    def open(self, numbers: Iterable[int]) -> list[str]:
        """Open what is not open yet; returns notes for the operator."""
        notes = []
        for number in numbers:
            path = self._directory / f"partition-{number}"
            if (broken := self._damaged.pop(path, None)) is not None:
                self.close_one(number)
                notes.append(
                    f"{broken}: set aside as {set_aside(path).name}, rebuilt from the changelog"
                )
            if number not in self.opened:
                disk = self.opened[number] = Disk(path)
                notes += [disk.note] if disk.note else []
        return notes

    def remove_old(self) -> list[str]:
        """Remove what was set aside a week ago; returns the names."""
        return remove_old(self._directory)

    def close_one(self, number: int) -> None:
        """Close a database, if it is open; its lock is free afterwards."""
        disk = self.opened.pop(number, None)
        if disk is not None:
            disk.close()

    def close(self) -> None:
        """Close all of them."""
        for number in list(self.opened):
            self.close_one(number)
