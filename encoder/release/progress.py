"""Progress of long steps: a bar on a terminal, a line every ten seconds elsewhere, JSON lines where
the result is JSON.

Each names the stage, how much of it is done, the share, and the time left at the pace of this stage
so far. A stage that stands still says so too: a thread of its own repeats the last line.
"""

import json
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import TracebackType
from typing import NamedTuple, Protocol

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

EVERY_S = 10.0


class Shown(AbstractContextManager["Shown"], Protocol):
    """What shows progress, from its entry to its exit."""

    def report(self, stage: str, done: int, all_of: int) -> None:
        """So much of a stage is done."""


class Status(NamedTuple):
    """What is known of the stage that runs."""

    stage: str
    done: int
    all_of: int
    running_s: float

    @property
    def left_s(self) -> float | None:
        """Seconds left at the pace so far; None while there is no pace."""
        if not self.done:
            return None
        return self.running_s / self.done * (self.all_of - self.done)

    def line(self) -> str:
        """For a log."""
        left = "" if self.left_s is None else f", {_duration(self.left_s)} left"
        share = self.done / self.all_of if self.all_of else 1.0
        return (
            f"{self.stage}: {self.done:,} of {self.all_of:,} ({share:.0%}), "
            f"{_duration(self.running_s)} so far{left}"
        )

    def json(self) -> str:
        """For a program."""
        fields = {
            "stage": self.stage,
            "done": self.done,
            "of": self.all_of,
            "share": round(self.done / self.all_of, 4) if self.all_of else 1.0,
            "running_s": round(self.running_s, 1),
            "left_s": None if self.left_s is None else round(self.left_s, 1),
        }
        return json.dumps(fields)


class Bar:
    """Progress on a terminal."""

    def __init__(self, console: Console) -> None:
        self._bar = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def report(self, stage: str, done: int, all_of: int) -> None:
        """Move the bar of the stage."""
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=all_of)
        self._bar.update(self._tasks[stage], completed=done, total=all_of)


class Lines:
    """Progress as lines: the first of each stage, one every ten seconds, the last.

    Parameters
    ----------
    write
        Takes one line.
    form
        Makes a line of a status.
    every_s
        Seconds between two lines of a stage.

    """

    def __init__(
        self,
        write: Callable[[str], None],
        form: Callable[[Status], str],
        every_s: float = EVERY_S,
    ) -> None:
        self._write, self._form, self._every_s = write, form, every_s
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="progress", daemon=True)
        self._stage, self._done, self._all_of = "", 0, 0
        self._began_s = self._said_s = 0.0

    def __enter__(self) -> "Lines":
        self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._ticker.join()

    def report(self, stage: str, done: int, all_of: int) -> None:
        """Note it, and say it where it is the first or the last of its stage."""
        with self._lock:
            first = stage != self._stage
            if first:
                self._stage, self._began_s = stage, time.monotonic()
            last = done >= all_of and (first or self._done < self._all_of)
            self._done, self._all_of = done, all_of
            if first or last:
                self._say()

    def _tick(self) -> None:
        while not self._ended.wait(self._every_s / 10):
            with self._lock:
                unfinished = self._stage and self._done < self._all_of
                if unfinished and time.monotonic() - self._said_s >= self._every_s:
                    self._say()

    def _say(self) -> None:
        self._said_s = time.monotonic()
        running_s = self._said_s - self._began_s
        self._write(self._form(Status(self._stage, self._done, self._all_of, running_s)))


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
